// Pages of the API, as paging.py has them.

/** How many older messages are loaded at a time. */
export const OLDER_ROWS = 100;

// Longer than the server lets itself take.
const TIMEOUT_MS = 10_000;

/** The token of the page below a message. */
export function tokenBelow({ ts, channel, offset }) {
  const bytes = new TextEncoder().encode(JSON.stringify([Date.parse(ts), channel, offset]));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** An answer of the API, as a page of rows is: {items, next, cursor}. Throws where there is none in time. */
export async function fetchPage(address) {
  const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`the API answers ${response.status}`);
  return response.json();
}
