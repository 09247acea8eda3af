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
// Their texts say from when the data is.
const STANDS_STILL = new Set(["connecting", "reconnecting", "disconnected", "paused"]);

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

  /** `clockOffset`: milliseconds from this browser's clock to the server's. */
  constructor(clockOffset) {
    this.clockOffset = clockOffset;
    this.element = document.querySelector("#status");
    this.text = document.querySelector("#status-text");
    this.detail = document.querySelector("#status-detail");
    this.icon = this.element.querySelector("use");
    this.refresh = document.querySelector("#refresh");
    for (const element of [this.element, this.refresh]) element.classList.remove("fallback");
  }

  /**
   * `heardAt`: when the gateway was last heard, by this browser's clock; `server`: the status that it told. Returns
   * whether the state is another one. The detail beside it may change without being read out.
   */
  show(state, heardAt, server) {
    const { lag_ms: lag = 0 } = server;
    const dataFrom = heardAt + this.clockOffset - lag;
    setText(this.detail, detailOf(state, dataFrom, lag, server.rebuild_progress));
    if (state === this.#state) return false;
    this.#state = state;
    this.element.dataset.state = document.body.dataset.state = state;
    this.icon.setAttribute("href", `#icon-${state}`);
    setText(this.text, TEXTS[state](timeOfDay(dataFrom)));
    this.refresh.hidden = !NEEDS_REFRESH.has(state);
    return true;
  }
}

function detailOf(state, dataFrom, lag, progress) {
  if (state === "rebuilding") return progress === undefined ? "" : `${Math.floor(progress * 100)} %`;
  if (STANDS_STILL.has(state)) return "";
  const behind = lag < 10_000 ? (lag / 1000).toFixed(1) : Math.floor(lag / 1000);
  return `As of ${timeOfDay(dataFrom)}, ${behind} s behind`;
}
