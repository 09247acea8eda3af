import { newestFirst } from "./order.js";
import { remember, remembered } from "./remembered.js";

/** The line between what is new and what was there when somebody last looked at this page. */
export class LastVisit {
  #seen = remembered(`seen ${location.pathname}`);
  #divider = document.createElement("p");

  /** `newest()`: the newest message of the list. */
  constructor(newest) {
    this.#divider.className = "divider";
    this.#divider.textContent = "New above, since you were last here";
    const leave = () => {
      const message = newest();
      if (message) remember(`seen ${location.pathname}`, orderOf(message));
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

const orderOf = ({ ts, channel, offset }) => ({ ts, channel, offset });
