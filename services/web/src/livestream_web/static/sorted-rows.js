/**
 * The rows that a list shows: everything of an order between two ends.
 *
 * `window` is how many rows the stream's own window holds at the top; it tells what enters there because something else
 * left. `capacity` is how many are kept. While `more` is true, further rows exist below `floor`, the last row when that
 * end was set: what arrives from below it is not ours to show, unless it fills the window. `admits` is the upper end.
 */
export class SortedRows {
  constructor({ compare, key, window = 0, capacity = window, rows = [], more = false, admits = () => true }) {
    Object.assign(this, { compare, key, window, capacity, admits });
    this.replace(rows, more);
  }

  /** Hold these rows, in order already, instead of all others. */
  replace(rows, more) {
    this.rows = rows.slice(0, this.capacity);
    this.#setMore(more || rows.length > this.capacity);
  }

  /** Take rows at their newest value: new ones, changed ones, ones that come a second time. */
  put(incoming) {
    if (!incoming.length) return;
    const changed = new Map(incoming.map((row) => [this.key(row), row]));
    const kept = this.rows.filter((row) => !changed.has(this.key(row)));
    const entering = [...changed.values()].filter(this.admits);
    const all = [...kept, ...entering].sort(this.compare);
    const inRange = this.more ? all.filter((row) => this.compare(row, this.floor) <= 0).length : all.length;
    const count = Math.min(Math.max(inRange, Math.min(this.window, all.length)), this.capacity);
    this.rows = all.slice(0, count);
    if (count !== inRange) this.#setMore(true);
  }

  /** Take rows that follow the last one. */
  append(rows, more) {
    const held = new Set(this.rows.map(this.key));
    this.rows = this.rows.concat(rows.filter((row) => !held.has(this.key(row))));
    this.#setMore(more);
  }

  remove(isGone) {
    this.rows = this.rows.filter((row) => !isGone(row));
  }

  #setMore(more) {
    this.more = more && this.rows.length > 0;
    this.floor = this.more ? this.rows.at(-1) : null;
  }
}
