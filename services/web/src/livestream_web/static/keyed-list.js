/** Children of an element, one a row, moved and changed only where their row was. `draw` is {create, update}. */
export class KeyedList {
  #items = new Map();

  constructor(parent, key, draw) {
    Object.assign(this, { parent, key, draw });
  }

  /** Begin with the children that the server rendered: `rows` are theirs, in order. */
  adopt(rows) {
    [...this.parent.children].forEach((node, i) => this.#items.set(this.key(rows[i]), { node, row: rows[i] }));
  }

  /** The row at the top, as it is on the page. */
  get first() {
    const top = this.parent.firstElementChild;
    for (const { node, row } of this.#items.values()) if (node === top) return row;
    return null;
  }

  /** Show exactly these rows, in this order. Returns the nodes that are new. */
  render(rows) {
    const wanted = new Set(rows.map(this.key));
    this.drop((row) => !wanted.has(this.key(row)));
    const made = [];
    let place = this.parent.firstElementChild;
    for (const row of rows) {
      const isNew = !this.#items.has(this.key(row));
      const node = this.#nodeOf(row);
      if (isNew) made.push(node);
      if (node === place) place = place.nextElementSibling;
      else this.parent.insertBefore(node, place);
    }
    return made;
  }

  /** Bring rows that are on the page up to date where they stand, and leave everything else. */
  refresh(rows) {
    for (const row of rows) if (this.#items.has(this.key(row))) this.#nodeOf(row);
  }

  drop(isGone) {
    for (const [key, { node, row }] of this.#items) {
      if (!isGone(row)) continue;
      node.remove();
      this.#items.delete(key);
    }
  }

  #nodeOf(row) {
    const key = this.key(row);
    const item = this.#items.get(key);
    if (!item) {
      const node = this.draw.create(row);
      this.#items.set(key, { node, row });
      return node;
    }
    if (item.row !== row) {
      this.draw.update(item.node, row);
      item.row = row;
    }
    return item.node;
  }
}
