import { setText } from "./format.js";
import { remember, remembered } from "./remembered.js";

/**
 * A button for something that is on or off, and stays so from page to page. It says what it would do next, where it has
 * `labels` for [off, on]; else it is pressed or not.
 */
export class ToggleButton {
  constructor(button, name, onChange, labels = null) {
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
    if (this.labels) setText(this.button, this.labels[Number(this.on)]);
    else this.button.ariaPressed = String(this.on);
  }
}
