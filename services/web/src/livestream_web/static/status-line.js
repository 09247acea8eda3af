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
// Their texts say from when the data is.
const STANDS_STILL = new Set(["connecting", "reconnecting", "disconnected", "paused"]);

// The page speaks of times as the server has them: a browser's own clock may be minutes off, and stands beside them.
const [navigation] = performance.getEntriesByType("navigation");
const RECEIVED_MS = performance.timeOrigin + (navigation?.responseStart ?? 0);

/**
 * As of when a page is, in milliseconds since 1970. `renderedAt`: when the server wrote it, RFC 3339; `heardAt`: until
 * when it has been told all, by this browser's clock.
 */
export function serverTime(renderedAt, heardAt) {
  return Date.parse(renderedAt) + Math.max(0, heardAt - RECEIVED_MS);
}

/** What the page is, of all that is wrong and right at once: the most important to know. */
export function pageState(link, serverState, { paused, missing }) {
  if (link !== "connected") return link;
  if (serverState === "rebuilding") return "rebuilding";
  if (paused) return "paused";
  if (serverState === "stale") return "stale";
  return missing ? "missing" : serverState;
}

/** The one element that tells the page's state. Its text hardly changes but with the state: it is read out when it does. */
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

  /**
   * `dataFrom`: as of when what is shown is, in milliseconds since 1970 by the server's clock; `server`: the status that
   * the gateway told. Returns whether the state is another one. The detail beside it may change without being read out.
   */
  show(state, dataFrom, server) {
    setText(this.detail, detailOf(state, dataFrom, server));
    // In one state it changes only where a snapshot has replaced what stood still.
    setText(this.text, TEXTS[state](timeOfDay(dataFrom)));
    if (state === this.#state) return false;
    this.#state = state;
    this.element.dataset.state = document.body.dataset.state = state;
    this.icon.setAttribute("href", `#icon-${state}`);
    const isLost = state === "disconnected";
    if (!isLost && document.activeElement === this.refresh) document.querySelector("#pause").focus();
    this.refresh.hidden = !isLost;
    return true;
  }
}

function detailOf(state, dataFrom, { lag_ms: lag = 0, rebuild_progress: progress }) {
  if (state === "rebuilding") return progress === undefined ? "" : `${Math.floor(progress * 100)} %`;
  if (STANDS_STILL.has(state)) return "";
  const behind = lag < 10_000 ? (lag / 1000).toFixed(1) : Math.floor(lag / 1000);
  return `As of ${timeOfDay(dataFrom)}, ${behind} s behind`;
}
