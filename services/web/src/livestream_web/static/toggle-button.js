import { setText } from "./format.js";
import { remember, remembered } from "./remembered.js";

/** A button for something that is on or off, and stays so from page to page. `labels`: its text for [off, on]. */
export class ToggleButton {
  constructor(button, name, labels, onChange) {
    Object.assign(this, { button, labels });
    this.on = remembered(name) === true;
    button.hidden = false;
    button.addEventListener("click", () => {
      this.on = !this.on;
      remember(name, this.on);
      this.#show();
      onChange();
    });
    this.#show();
  }

  #show() {
    setText(this.button, this.labels[Number(this.on)]);
  }
}
