// The page speaks of times as the server has them: a browser's own clock may be minutes off, and stands beside them.

/** Milliseconds to add to this browser's clock. `renderedAt`: when the server wrote the page, RFC 3339. */
export function clockOffset(renderedAt) {
  const [navigation] = performance.getEntriesByType("navigation");
  const received = performance.timeOrigin + (navigation?.responseStart ?? 0);
  return Date.parse(renderedAt) - received;
}
