import { newestFirst } from "./order.js";
import { remember, remembered } from "./remembered.js";

const SEEN = "seen";
// Of so many pages a browser remembers what was seen there.
const MOST_PAGES = 100;

/** The line between what is new and what was there when somebody last looked at this page. */
export class LastVisit {
  #seen = new Map(remembered(SEEN)).get(location.pathname);
  #divider = document.createElement("p");

  /** `newest()`: the newest message of the list. */
  constructor(newest) {
    this.#divider.className = "divider";
    this.#divider.textContent = "New above, since you were last here";
    const leave = () => {
      const message = newest();
      if (!message) return;
      const { ts, channel, offset } = message;
      const seen = new Map(remembered(SEEN));
      seen.delete(location.pathname); // the last one left is the last one forgotten
      seen.set(location.pathname, { ts, channel, offset });
      remember(SEEN, [...seen].slice(-MOST_PAGES));
    };
    addEventListener("pagehide", leave);
    document.addEventListener("visibilitychange", () => document.hidden && leave());
  }

  /** Draw it above the first of these rows that is not new, if others are. */
  mark(rows, nodeOf) {
    if (!this.#seen) return;
    const place = rows.findIndex((row) => newestFirst(this.#seen, row) <= 0);
    const node = place > 0 ? nodeOf(rows[place]) : undefined;
    if (!node) this.#divider.remove();
    else if (this.#divider.parentNode !== node) node.prepend(this.#divider);
  }
}
