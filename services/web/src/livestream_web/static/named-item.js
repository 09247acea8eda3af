import { setText, setTime, shownNumber } from "./format.js";
import { drawName } from "./name-table.js";

/** The head of the page of one channel or user: its row, or that there is none. */
export class NamedItem {
  #row = null;

  constructor(element) {
    const { kind, name } = element.dataset;
    Object.assign(this, { element, kind, name });
    this.missingNotice = element.querySelector("#missing");
    this.facts = element.querySelector("dl");
  }

  /** Whether no message of the name is visible, so that there is nothing to show. */
  get isMissing() {
    return this.#row ? this.#row.messages === 0 : !this.missingNotice.hidden;
  }

  apply(frame) {
    this.#row = frame[this.kind]?.find(({ name }) => name === this.name) ?? this.#row;
  }

  replace(frame) {
    this.apply(frame);
  }

  render(paused) {
    if (!this.#row) return;
    const isMissing = this.#row.messages === 0;
    if (paused && !isMissing) return;
    this.missingNotice.hidden = !isMissing;
    this.facts.hidden = isMissing;
    if (isMissing) return drawName(this.element, { name: this.name });
    drawName(this.element, this.#row);
    setText(this.facts.querySelector(".count"), shownNumber(this.#row.messages));
    setTime(this.facts.querySelector("time"), this.#row.last_message_at);
  }
}
