// Keeps a page current from the cursor that it was rendered at.

import { Activity } from "./activity.js";
import { Announcer } from "./announcer.js";
import { MessageFeed } from "./message-feed.js";
import { newestFirst } from "./order.js";
import { NameTable } from "./name-table.js";
import { NamedItem } from "./named-item.js";
import { rendersSoon } from "./rendering.js";
import { pageState, serverTime, StatusLine } from "./status-line.js";
import { StreamClient } from "./stream-client.js";
import { ToggleButton } from "./toggle-button.js";
import { Totals } from "./totals.js";

const { cursor, streams, view, now } = document.body.dataset;
const soon = rendersSoon(render);
const all = (selector, make) => [...document.querySelectorAll(selector)].map(make);

const [feed] = all("#messages", (element) => new MessageFeed(element, soon));
const [item] = all("#item", (element) => new NamedItem(element));
const parts = [
  ...all(".names", (element) => new NameTable(element, soon)),
  ...all("#totals", (element) => new Totals(element)),
  ...all("[data-activity]", (element) => new Activity(element)),
  ...(feed ? [feed] : []),
  ...(item ? [item] : []),
];

const line = new StatusLine();
const pause = new ToggleButton(document.querySelector("#pause"), "paused", () => (tell(), soon()), ["Pause", "Resume"]);
const [announce] = feed ? all("#announce", (button) => new ToggleButton(button, "announce", soon)) : [];
const announcer = new Announcer(
  document.querySelector("#status-news"),
  () => announce?.on && !pause.on,
  () => feed?.isHeld && !pause.on,
);

let server = { state: "live", lag_ms: 0 };
let replaced = false;
let shownFrom = Date.parse(now);

const stream = new StreamClient({ streams, view, cursor, rows: feed?.rowsShown ?? 0 }, {
  async frames({ snapshot, delta }) {
    if (snapshot) {
      await Promise.all(parts.map((part) => part.replace(snapshot)));
      replaced = true;
    }
    if (delta) {
      const newest = feed?.newest;
      for (const part of parts) part.apply(delta, pause.on);
      const isNew = (message) => !newest || newestFirst(message, newest) < 0;
      if (feed) announcer.heard((delta.messages ?? []).filter(isNew));
    }
    soon();
  },
  status(status) {
    server = status;
    for (const part of parts) part.hear?.(status.state);
    soon();
  },
  // Rare, and waited for.
  link: render,
});

function render() {
  // What a snapshot replaced is not shown any longer, paused or not.
  const paused = pause.on && !replaced;
  replaced = false;
  for (const part of parts) part.render(paused);
  if (!paused) shownFrom = serverTime(now, stream.heardAt) - server.lag_ms;
  tell();
  stream.ready(feed?.reach ?? null);
}

function tell() {
  const state = pageState(stream.link, server.state, { paused: pause.on, missing: item?.isMissing });
  if (line.show(state, shownFrom, server)) announcer.clear();
}

stream.start();
render();
