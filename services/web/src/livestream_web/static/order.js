// The orders of the contract. A comparison is negative where `a` stands above `b`.

// A surrogate begins a character beyond U+FFFF, which sorts behind all that one unit can say.
const rank = (unit) => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** By code points, as every server compares; JavaScript's `<` goes by UTF-16 units. */
export function compareCodePoints(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

// Times are RFC 3339 in UTC with milliseconds and four digits of year, so their text sorts as they do.
const compareTimes = (a, b) => (a < b ? -1 : Number(a > b));

/** Newest message first, by (ts, channel, offset). */
export function newestFirst(a, b) {
  return compareTimes(b.ts, a.ts) || compareCodePoints(b.channel, a.channel) || b.offset - a.offset;
}

/** Channels and users, by the API's names of their orders. */
export const nameOrders = {
  messages: (a, b) => b.messages - a.messages || compareCodePoints(a.name, b.name),
  name: (a, b) => compareCodePoints(a.name, b.name),
  last_message_at: (a, b) => compareTimes(b.last_message_at, a.last_message_at) || compareCodePoints(a.name, b.name),
};
