import { KeyedList } from "./keyed-list.js";
import { LastVisit } from "./last-visit.js";
import { messageDrawing, messageKey, readMessage } from "./message-row.js";
import { OlderMessages } from "./older-messages.js";
import { newestFirst } from "./order.js";
import { fetchPage, OLDER_ROWS } from "./paging.js";
import { Reader } from "./reader.js";
import { removalsOf } from "./removals.js";
import { RowWindow } from "./row-window.js";
import { SortedRows } from "./sorted-rows.js";

// A mark on a few messages shows what is new; on many it shows nothing, and costs the browser more than all the rest.
const MOST_MARKED = 4;

const everything = () => true;
// Where an empty list is held, all that comes is above its end.
const LOWEST = { ts: "" };

/**
 * A list of messages, newest on top. New ones do not disturb who reads: while somebody does, the list keeps its upper
 * end (`heldAt`), `latest` goes on with the stream's window, and a button offers what came.
 *
 * A page of history has a fixed upper end from the start, and no window (`latest` is null). Where it is `closed`, only the
 * server can tell what belongs to it: its rows are kept current, and no others come.
 */
export class MessageFeed {
  #framesSinceAsked = null;
  #framesSinceDrawn = [];

  constructor(element, requestRender) {
    const { window: size, api, below, closed } = element.dataset;
    const list = element.querySelector(".messages");
    const rows = [...list.children].map(readMessage);
    this.window = Number(size);
    this.api = api;
    this.heldAt = null;
    this.requestRender = requestRender;
    this.empty = element.querySelector(".empty");
    this.reader = new Reader(list, element.querySelector(".fresh"), requestRender);
    this.older = new OlderMessages(element.querySelector(".paging"), api, () => this.#loadOlder());
    this.drawn = new KeyedList(list, element.querySelector("template"), messageKey, messageDrawing);
    this.drawn.adopt(rows);
    this.inDocument = new RowWindow(list, this.drawn);
    this.top = rows[0] ?? null;
    this.lastVisit = below ? null : new LastVisit(() => this.top);
    const isFull = rows.length >= this.window;
    const order = { compare: newestFirst, key: messageKey, window: this.window, rows };
    this.latest = below ? null : new SortedRows({ ...order, more: isFull });
    this.shown = below
      ? new SortedRows({ ...order, more: this.older.offered, capacity: Infinity, admits: this.#historyOf(below, closed) })
      : new SortedRows({ ...order, more: this.older.exists ? this.older.offered : isFull });
  }

  /** How many of the newest messages are shown of what comes; 0: all of them. */
  get rowsShown() {
    return this.latest ? this.window : 0;
  }

  /** The newest message that there is, shown or not. */
  get newest() {
    return this.latest?.rows[0] ?? null;
  }

  /** The upper end of all that this list shows or may come to hold, even where its message is gone by now. */
  get reach() {
    return [this.newest, this.heldAt ?? this.top].filter(Boolean).sort(newestFirst)[0] ?? null;
  }

  /** Whether the list keeps its upper end for its reader. */
  get isHeld() {
    return this.heldAt !== null;
  }

  /** Take a delta. It waits to be drawn: who begins to read until then keeps the list that is on the screen. */
  apply(frame, paused) {
    this.#framesSinceAsked?.push(frame);
    this.#framesSinceDrawn.push(frame);
    if (!this.latest) return;
    if (!this.heldAt) this.#followReader(paused);
    update(this.latest, frame);
  }

  /** Take a snapshot. A page of history is no part of it, and is read anew. */
  async replace(frame) {
    if (!this.latest) {
      const { items, next } = await fetchPage(this.api);
      this.shown.replace(items, next !== null);
      return;
    }
    const rows = (frame.messages ?? []).toReversed();
    this.latest.replace(rows, rows.length >= this.window);
    this.#framesSinceDrawn = [];
    this.#startAnew();
    this.top = rows[0] ?? null;
  }

  render(paused) {
    if (this.latest) this.#followReader(paused);
    for (const frame of this.#framesSinceDrawn) this.#show(frame);
    this.#framesSinceDrawn = [];
    const { rows } = this.shown;
    const made = this.inDocument.show(rows);
    this.lastVisit?.mark(rows, (row) => this.drawn.nodeOf(row));
    this.top = rows[0] ?? null;
    if (made.length <= MOST_MARKED) for (const node of made) node.classList.add("arrived");
    this.empty.hidden = rows.length > 0;
    this.older.offer(this.shown.floor);
    this.reader.offer(paused ? 0 : this.#countFresh(), this.window);
  }

  #show(frame) {
    // Messages were left out above all that is shown, whose upper end is on the screen and read by nobody. With a hole in
    // it the list would not say what was posted; so it begins anew, and what was loaded below comes back by scrolling.
    if (frame.cut && !this.heldAt) this.#startAnew();
    else update(this.shown, frame);
  }

  #historyOf(below, closed) {
    const isOfThatTime = isBelow(JSON.parse(below));
    if (closed === undefined) return isOfThatTime;
    return (row) => isOfThatTime(row) && this.shown.rows.some((shown) => messageKey(shown) === messageKey(row));
  }

  #followReader(paused) {
    const holds = paused || this.reader.isReading;
    if (holds && !this.heldAt) this.#hold();
    else if (!holds && this.heldAt) this.#release();
  }

  #hold() {
    const top = this.top ?? LOWEST;
    this.heldAt = top;
    this.shown.admits = (row) => newestFirst(top, row) <= 0;
    this.shown.remove((row) => !this.shown.admits(row));
  }

  #release() {
    const { rows } = this.latest;
    const meets = rows.length < this.window || newestFirst(rows.at(-1), this.heldAt) >= 0;
    if (!meets) return this.#startAnew();
    this.heldAt = null;
    this.shown.admits = everything;
    this.shown.put(rows);
  }

  #startAnew() {
    this.heldAt = null;
    Object.assign(this.shown, { admits: everything, capacity: this.window });
    this.shown.replace(this.latest.rows, this.latest.more);
  }

  #countFresh() {
    return this.heldAt ? this.latest.rows.filter((row) => newestFirst(row, this.heldAt) < 0).length : 0;
  }

  async #loadOlder() {
    const { floor } = this.shown;
    if (!floor) return; // all are shown, which the link does not say before they are drawn
    this.shown.capacity += OLDER_ROWS;
    // Frames that come meanwhile may be newer than the answer's rows, and are applied once more on top of them.
    this.#framesSinceAsked = [];
    try {
      const { items, next } = await fetchPage(this.older.address(floor));
      if (this.shown.floor !== floor) return; // a snapshot has replaced the list
      this.shown.append(items, next !== null);
      for (const frame of this.#framesSinceAsked) update(this.shown, frame);
    } finally {
      this.#framesSinceAsked = null;
      this.requestRender();
    }
  }
}

function update(rows, frame) {
  rows.remove(removalsOf(frame).message);
  rows.put(frame.messages ?? []);
}

const isBelow = ([ts, channel, offset]) => (row) => newestFirst({ ts, channel, offset }, row) < 0;
