// Texts as the server writes them (rendering.py): a row looks the same whoever drew it.

const numbers = new Intl.NumberFormat("en-US");

export const shownNumber = (value) => numbers.format(value);

export const shownTime = (rfc3339) => rfc3339.replace("T", " ").replace(/Z$/, "");

export const namePath = (kind, name) => `/${kind}/${encodeURIComponent(name)}`;

/** The time of day in UTC, to the second. */
export const timeOfDay = (ms) => `${new Date(ms).toISOString().slice(11, 19)} UTC`;

/** Change a text only where it differs, so that nothing is drawn or announced for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setTime(node, rfc3339) {
  if (node.dateTime === rfc3339) return;
  node.dateTime = rfc3339;
  node.textContent = shownTime(rfc3339);
}
