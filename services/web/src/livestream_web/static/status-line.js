import { setText, timeOfDay } from "./format.js";

const TEXTS = {
  connecting: () => "Connecting…",
  live: () => "Live",
  idle: () => "Connected. No messages for 2 min",
  missing: () => "Connected. Nothing under this name yet",
  stale: () => "Updates are delayed",
  rebuilding: () => "Rebuilding…",
  reconnecting: (from) => `Reconnecting… Showing data from ${from}`,
  disconnected: (from) => `Disconnected. Showing data from ${from}`,
  paused: (from) => `Paused. Showing data from ${from}`,
};
const NEEDS_REFRESH = new Set(["disconnected"]);

/** What the page is, of all that is wrong and right at once: the most important to know. */
export function pageState(link, serverState, { paused, missing }) {
  if (link !== "connected") return link;
  if (serverState === "rebuilding") return "rebuilding";
  if (paused) return "paused";
  if (serverState === "stale") return "stale";
  return missing ? "missing" : serverState;
}

/** The one element that tells the page's state. Its text changes with the state only: it is read out when it does. */
export class StatusLine {
  #state = null;

  constructor() {
    this.element = document.querySelector("#status");
    this.text = document.querySelector("#status-text");
    this.detail = document.querySelector("#status-detail");
    this.icon = this.element.querySelector("use");
    this.refresh = document.querySelector("#refresh");
    for (const element of [this.element, this.refresh]) element.classList.remove("fallback");
  }

  /** `dataFrom`: the time of what is shown, in milliseconds since 1970. `detail` may change without being read out. */
  show(state, dataFrom, detail = "") {
    setText(this.detail, detail);
    if (state === this.#state) return;
    this.#state = state;
    this.element.dataset.state = state;
    this.icon.setAttribute("href", `#icon-${state}`);
    setText(this.text, TEXTS[state](timeOfDay(dataFrom)));
    this.refresh.hidden = !NEEDS_REFRESH.has(state);
  }
}
