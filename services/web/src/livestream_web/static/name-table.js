import { namePath, setText, setTime, shownNumber } from "./format.js";
import { KeyedList } from "./keyed-list.js";
import { nameOrders } from "./order.js";
import { fetchPage } from "./paging.js";
import { hasSelection, PressedPointer } from "./reader.js";
import { removalsOf } from "./removals.js";
import { SortedRows } from "./sorted-rows.js";

const nameKey = (row) => row.name;

/** A table of channels or users, kept in its order; nothing moves under a focused row, selected text or a pressed pointer. */
export class NameTable {
  constructor(element, requestRender) {
    const { kind, sort, window: size, api, more, after, closed } = element.dataset;
    const compare = nameOrders[sort];
    this.kind = kind;
    this.api = api;
    this.body = element.querySelector("tbody");
    this.empty = element.querySelector(".empty");
    this.window = Number(size);
    const rows = [...this.body.rows].map(readName);
    this.drawn = new KeyedList(this.body, element.querySelector("template"), nameKey, nameDrawing(kind));
    this.drawn.adopt(rows);
    const first = after ? JSON.parse(after) : null;
    this.rows = new SortedRows({
      compare,
      key: nameKey,
      window: this.window,
      capacity: this.window || Infinity,
      rows,
      more: more === "true",
      // Of a list that was looked for, only the server can tell what belongs to it.
      admits: closed !== undefined ? (row) => this.#holds(row) : first ? (row) => compare(first, row) < 0 : undefined,
    });
    this.pointer = new PressedPointer(this.body);
    this.body.addEventListener("focusout", requestRender);
    document.addEventListener("selectionchange", requestRender);
  }

  get #isInUse() {
    return this.pointer.isDown || this.body.contains(document.activeElement) || hasSelection(this.body);
  }

  #holds({ name }) {
    return this.rows.rows.some((row) => row.name === name);
  }

  apply(frame) {
    const isGone = removalsOf(frame).name(this.kind);
    this.rows.remove(isGone);
    this.rows.put(frame[this.kind] ?? []);
    // At once, and even while paused: what was deleted is not to be seen any longer.
    this.drawn.drop((row) => isGone(row) && !this.#holds(row));
  }

  /** Take a snapshot. What it does not cover, another order or a further page, is read anew. */
  async replace(frame) {
    if (this.window) {
      const rows = frame[this.kind] ?? [];
      this.rows.replace(rows.slice(0, this.window), rows.length >= this.window);
    } else {
      const { items, next } = await fetchPage(this.api);
      this.rows.replace(items, next !== null);
    }
  }

  render(paused) {
    if (paused) return;
    if (this.#isInUse) this.drawn.refresh(this.rows.rows);
    else this.drawn.render(this.rows.rows);
    this.empty.hidden = this.body.rows.length > 0;
  }
}

function readName(node) {
  return {
    name: node.dataset.name,
    messages: Number(node.querySelector(".count").textContent.replaceAll(",", "")),
    last_message_at: node.querySelector("time").dateTime,
  };
}

const nameDrawing = (kind) => ({
  fill(node, row) {
    node.dataset.name = row.name;
    node.querySelector("a").href = namePath(kind, row.name);
    this.update(node, row);
  },
  update(node, row) {
    drawName(node, row);
    setText(node.querySelector(".count"), shownNumber(row.messages));
    setTime(node.querySelector("time"), row.last_message_at);
  },
});

/** The display name, and the name itself where it is another. */
export function drawName(node, { name, display_name: display = name }) {
  const plain = node.querySelector(".plain");
  setText(node.querySelector(".shown"), display);
  setText(plain, name);
  plain.hidden = display === name;
}
