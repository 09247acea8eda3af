// A page that could not be rendered: asks again until it can, and then shows it.

const LONGEST_DELAY_MS = 10_000;
const TIMEOUT_MS = 10_000;

async function isThere() {
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.status < 500;
  } catch {
    return false;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

for (let bound = 1000; ; bound = Math.min(bound * 2, LONGEST_DELAY_MS)) {
  await pause(Math.random() * bound);
  if (await isThere()) break;
  console.debug("page_not_there_yet", location.pathname);
}
location.reload();
