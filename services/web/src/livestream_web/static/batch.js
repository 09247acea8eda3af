import { messageKey } from "./message-row.js";
import { newestFirst } from "./order.js";
import { removalsOf } from "./removals.js";

/**
 * The frames that came since a page last took some, folded into a snapshot, a delta, or both in this order.
 *
 * `rows`: how many of the newest messages a page shows of what it is given; 0 where it shows all. What it cannot show is
 * left out, and the delta's `cut` says so: between what the page held and the oldest message here there may be others.
 * Messages at `kept` and below it are never left out: somebody reads there.
 */
export class Batch {
  snapshot = null;
  delta = null;

  constructor(rows) {
    this.rows = rows;
  }

  get isEmpty() {
    return !this.snapshot && !this.delta;
  }

  add(type, frame, kept) {
    if (type === "snapshot") {
      this.snapshot = frame;
      this.delta = null;
    } else {
      // What a snapshot replaced is kept no longer, and all of the snapshot is.
      const floor = this.snapshot?.messages?.at(-1) ?? kept;
      this.delta = cut(this.delta ? merge(this.delta, frame) : frame, this.rows, floor);
    }
  }
}

/** One delta that does what `a` and then `b` do: removals apply before rows, and rows are whole. */
export function merge(a, b) {
  const gone = removalsOf(b);
  const merged = { ...a, ...b, cut: a.cut };
  if (a.removed && b.removed) merged.removed = mergeRemovals(a.removed, b.removed);
  mergeRows(merged, "messages", a, b, messageKey, gone.message);
  for (const kind of ["channels", "users"]) mergeRows(merged, kind, a, b, (row) => row.name, gone.name(kind));
  return merged;
}

function mergeRows(merged, kind, a, b, key, isGone) {
  if (!a[kind]) return;
  const rows = new Map(a[kind].filter((row) => !isGone(row)).map((row) => [key(row), row]));
  for (const row of b[kind] ?? []) rows.set(key(row), row);
  merged[kind] = [...rows.values()];
}

function mergeRemovals(a, b) {
  const merged = { messages: [...(a.messages ?? []), ...(b.messages ?? [])] };
  for (const kind of ["channels", "users"]) {
    const upTo = new Map(a[kind]);
    for (const [name, ts] of b[kind] ?? []) if (!(upTo.get(name) > ts)) upTo.set(name, ts);
    merged[kind] = [...upTo];
  }
  return merged;
}

function cut(frame, rows, kept) {
  const { messages } = frame;
  if (!rows || !messages || messages.length <= rows) return frame;
  const isKept = (row) => kept !== null && newestFirst(kept, row) <= 0;
  const newest = messages.filter((row) => !isKept(row)).sort(newestFirst);
  if (newest.length <= rows) return frame;
  return { ...frame, messages: newest.slice(0, rows).concat(messages.filter(isKept)), cut: true };
}
