import { Batch } from "./batch.js";
import { Connection } from "./connection.js";
import { earliest, reaches } from "./positions.js";

// A page says something more often than this while it watches; after that it is gone without a word.
const GONE_AFTER_MS = 30_000;
// Pages take a hub for dead that says nothing for long.
const BEAT_MS = 2000;
// The gateway serves so many views on one connection.
export const MOST_VIEWS = 16;
// HTTP servers, ours and those between, take lines of 8 KiB; the rest of one is left for the cursor and the method.
const LONGEST_ADDRESS = 8000;
// A page that left is often followed by one like it: a view that nobody watches stays for so long.
const LINGER_MS = 5000;

/**
 * One connection for all pages of a browser: what they watch is asked for together, and each is told its own.
 *
 * A page says over its port
 *   {say: "watch", view, cursor, rows, turn}  from that cursor on, and once more whenever it has lost the thread;
 *                                             `rows` as Batch has it, `turn` a number of its own
 *   {say: "ready", kept}                      it has shown what it was given; `kept` as Batch has it
 *   {say: "here"}                             every few seconds
 *   {say: "retry"}                            there is reason to hope
 *   {say: "rest"}                             it watches no longer
 * and is told
 *   {told: "frames", turn, snapshot, delta, cursor, heardAt}   where it is ready and something came
 *   {told: "status", turn, status, cursor, heardAt}
 *   {told: "link", link}
 *   {told: "unknown"}                                          it should say "watch"
 *   {told: "full"}                                             it should go elsewhere
 * `cursor`, `heardAt`: up to where, and until when, it has been given all with this; absent where that is not known.
 */
export class StreamHub {
  #watchers = new Map();
  #asked = null;
  #lingering = 0;
  #status = null;

  /** `streams`: the address that all views are asked of. */
  constructor(streams) {
    this.streams = streams;
    this.connection = new Connection(() => this.#ask(), {
      event: (event, asked) => this.#take(event, asked),
      link: () => this.#tellLink(),
    });
    setInterval(() => this.#beat(), BEAT_MS);
  }

  add(port) {
    port.onmessage = ({ data }) => this.#listen(port, data);
  }

  #listen(port, { say, ...said }) {
    const watcher = this.#watchers.get(port);
    if (watcher) watcher.seenAt = performance.now();
    if (say === "watch") this.#watch(port, said);
    else if (say === "rest") this.#leave(port);
    else if (!watcher) port.postMessage({ told: "unknown" });
    else if (say === "retry") this.connection.retryNow();
    else if (say === "ready") {
      watcher.isReady = true;
      watcher.kept = said.kept;
      watcher.flush();
    }
  }

  #watch(port, { view, cursor, rows, turn }) {
    const others = [...this.#watchers].filter(([other]) => other !== port).map(([, each]) => each.view);
    const views = new Set([...others, view]);
    if (views.size > MOST_VIEWS || (views.size > 1 && this.#address(views).href.length > LONGEST_ADDRESS)) {
      port.postMessage({ told: "full" });
      return;
    }
    const watcher = new Watcher(port, view, cursor, rows, turn);
    this.#watchers.set(port, watcher);
    if (this.#isServed(view, cursor)) watcher.heardAt = this.#asked.heardAt;
    else this.connection.open();
    port.postMessage({ told: "link", link: this.connection.link });
    if (this.#status) watcher.tellStatus(this.#status);
  }

  /** Whether the connection as it is will tell all that comes after the cursor. */
  #isServed(view, cursor) {
    return this.connection.isOpen && this.#asked?.views.has(view) && reaches(cursor, this.#asked.reached);
  }

  #leave(port) {
    if (!this.#watchers.delete(port)) return;
    if (!this.#watchers.size) {
      this.connection.close();
      this.#asked = this.#status = null;
      return;
    }
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.#dropUnwatched(), LINGER_MS);
  }

  #dropUnwatched() {
    const wanted = new Set([...this.#watchers.values()].map(({ view }) => view));
    if (this.#asked && [...this.#asked.views].some((view) => !wanted.has(view))) this.connection.open();
  }

  /** `from`: the cursor that is asked from. `reached`, `heardAt`: where the answers to this stand and when, as they come. */
  #ask() {
    const watchers = [...this.#watchers.values()];
    const views = new Set(watchers.map(({ view }) => view));
    const cursor = earliest(watchers.map((watcher) => watcher.cursor));
    const address = this.#address(views);
    if (cursor) address.searchParams.set("cursor", cursor);
    this.#asked = { address, views, from: cursor, reached: cursor, tick: [] };
    return this.#asked;
  }

  #address(views) {
    const address = new URL(this.streams, location.href);
    for (const view of views) address.searchParams.append("view", view);
    return address;
  }

  #take({ type, id, data }, asked) {
    const body = JSON.parse(data);
    const isStatus = type === "status";
    if (isStatus) this.#status = body;
    else asked.tick.push({ type, frame: body });
    if (id) this.#complete(asked, id);
    if (isStatus) for (const watcher of this.#watchers.values()) watcher.tellStatus(body);
  }

  /** What came of a question is complete up to `id`. */
  #complete(asked, id) {
    asked.heardAt = this.connection.heardAt;
    let isAnotherAsked = false;
    for (const watcher of this.#watchers.values()) {
      if (!asked.views.has(watcher.view)) continue;
      if (watcher.isAheadOf(asked, id)) isAnotherAsked = true;
      else watcher.take(asked, id);
      watcher.flush();
    }
    asked.reached = id;
    asked.tick = [];
    if (isAnotherAsked) this.connection.open();
  }

  #tellLink() {
    for (const port of this.#watchers.keys()) port.postMessage({ told: "link", link: this.connection.link });
  }

  #beat() {
    const now = performance.now();
    for (const [port, { seenAt }] of this.#watchers) if (now - seenAt > GONE_AFTER_MS) this.#leave(port);
    this.#tellLink();
  }
}

/** A page: what it watches, where it stands, and what it has not been given yet. */
class Watcher {
  isReady = false;
  kept = null;
  seenAt = performance.now();

  constructor(port, view, cursor, rows, turn) {
    Object.assign(this, { port, view, cursor, rows, turn });
    this.batch = new Batch(rows);
  }

  /**
   * Whether a snapshot that comes answers the cursor of another page, which stands further back: what this one shows need
   * not be replaced, once its own cursor is asked from.
   */
  isAheadOf({ from, reached, tick }, id) {
    return reached === from && this.#isWhole(tick) && reaches(id, this.cursor) && !reaches(from, this.cursor);
  }

  /** Take what the tick that leads to `id` says of the view. */
  take({ tick, reached, heardAt }, id) {
    if (!reaches(this.cursor, id)) {
      if (!(this.#isWhole(tick) || reaches(this.cursor, reached))) return;
      for (const { type, frame } of tick) if (frame.view === this.view) this.batch.add(type, frame, this.kept);
      this.cursor = id;
    }
    this.heardAt = heardAt;
  }

  #isWhole(tick) {
    return tick.some(({ type, frame }) => type === "snapshot" && frame.view === this.view);
  }

  flush() {
    if (!this.isReady || this.batch.isEmpty) return;
    const { turn, cursor, heardAt, batch: { snapshot, delta } } = this;
    this.batch = new Batch(this.rows);
    this.isReady = false;
    this.port.postMessage({ told: "frames", turn, snapshot, delta, cursor, heardAt });
  }

  tellStatus(status) {
    const { turn } = this;
    const { cursor, heardAt } = this.batch.isEmpty ? this : {};
    this.port.postMessage({ told: "status", turn, status, cursor, heardAt });
  }
}
