import { setText, shownNumber } from "./format.js";

/** The three totals. */
export class Totals {
  #totals = null;

  constructor(element) {
    this.cells = [...element.querySelectorAll("[data-total]")];
  }

  apply(frame) {
    this.#totals = frame.totals ?? this.#totals;
  }

  replace(frame) {
    this.apply(frame);
  }

  render(paused) {
    if (paused || !this.#totals) return;
    for (const cell of this.cells) setText(cell, shownNumber(this.#totals[cell.dataset.total]));
  }
}
