const KEY = "livestream.paused";

/** The button that stops what moves (WCAG 2.2.2). The browser remembers it, where it may. */
export class PauseButton {
  constructor(button, onChange) {
    this.button = button;
    this.on = remembered();
    button.hidden = false;
    button.addEventListener("click", () => {
      this.on = !this.on;
      remember(this.on);
      this.#show();
      onChange();
    });
    this.#show();
  }

  #show() {
    this.button.textContent = this.on ? "Resume" : "Pause";
  }
}

function remembered() {
  try {
    return localStorage.getItem(KEY) === "true";
  } catch {
    return false; // storage is blocked
  }
}

function remember(on) {
  try {
    localStorage.setItem(KEY, String(on));
  } catch {
    // Then it holds for this page.
  }
}
