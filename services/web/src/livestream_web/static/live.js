// Keeps a page current from the cursor that it was rendered at.

import { Activity } from "./activity.js";
import { LiveStream } from "./live-stream.js";
import { MessageFeed } from "./message-feed.js";
import { NameTable } from "./name-table.js";
import { NamedItem } from "./named-item.js";
import { PauseButton } from "./pause.js";
import { rendersSoon } from "./rendering.js";
import { pageState, StatusLine } from "./status-line.js";
import { Totals } from "./totals.js";

const { cursor, stream: address } = document.body.dataset;
const soon = rendersSoon(render);

const parts = [
  ...[...document.querySelectorAll(".names")].map((element) => new NameTable(element, soon)),
  ...[...document.querySelectorAll("#messages")].map((element) => new MessageFeed(element, soon)),
  ...[...document.querySelectorAll("#totals")].map((element) => new Totals(element)),
  ...[...document.querySelectorAll("[data-activity]")].map((element) => new Activity(element)),
];
const item = [...document.querySelectorAll("#item")].map((element) => new NamedItem(element))[0];
if (item) parts.push(item);

const line = new StatusLine();
const pause = new PauseButton(document.querySelector("#pause"), soon);
let server = { state: "live" };

const stream = new LiveStream(address, cursor, {
  delta(frame) {
    for (const part of parts) part.apply(frame, pause.on);
    soon();
  },
  async snapshot(frame) {
    await Promise.all(parts.map((part) => part.replace(frame)));
    replaced = true;
    soon();
  },
  status(status) {
    server = status;
    for (const part of parts) part.hear?.();
    soon();
  },
  link: soon,
});
let replaced = false;

function render() {
  // What a snapshot replaced is not shown any longer, paused or not.
  const paused = pause.on && !replaced;
  replaced = false;
  for (const part of parts) part.render(paused);
  const state = pageState(stream.link, server.state, { paused: pause.on, missing: item?.isMissing });
  line.show(state, stream.heardAt, detailOf(state, server));
}

/** What changes while a state lasts. */
function detailOf(state, { rebuild_progress: progress, lag_ms: lag }) {
  if (state === "rebuilding" && progress !== undefined) return `${Math.floor(progress * 100)} %`;
  if (state === "stale" && lag >= 1000) return `${Math.floor(lag / 1000)} s behind`;
  return "";
}

stream.start();
render();
