// So many nodes are kept for rows to come: what a burst replaces at once.
const MOST_SPARE = 200;

/**
 * Children of an element, one a row, moved and changed only where their row was. They are made from the <template> that
 * the server made of its own row. `draw` is {fill, update}: of a node that shows another row from now on, and of one
 * whose row has changed.
 */
export class KeyedList {
  #items = new Map();
  #spare = [];

  constructor(parent, template, key, draw) {
    Object.assign(this, { parent, blank: template.content.firstElementChild, key, draw });
  }

  /** Begin with the children that the server rendered: `rows` are theirs, in order. */
  adopt(rows) {
    [...this.parent.children].forEach((node, i) => this.#items.set(this.key(rows[i]), { node, row: rows[i] }));
  }

  nodeOf(row) {
    return this.#items.get(this.key(row))?.node;
  }

  /** Show exactly these rows, in this order. Returns the nodes of those that are new. */
  render(rows) {
    const wanted = new Set(rows.map(this.key));
    this.drop((row) => !wanted.has(this.key(row)));
    const made = [];
    let place = this.parent.firstElementChild;
    for (const row of rows) {
      const isNew = !this.#items.has(this.key(row));
      const node = this.#drawn(row);
      if (isNew) made.push(node);
      if (node === place) place = place.nextElementSibling;
      else this.parent.insertBefore(node, place);
    }
    return made;
  }

  /** Bring rows that are on the page up to date where they stand, and leave everything else. */
  refresh(rows) {
    for (const row of rows) if (this.#items.has(this.key(row))) this.#drawn(row);
  }

  drop(isGone) {
    for (const [key, { node, row }] of this.#items) {
      if (!isGone(row)) continue;
      node.remove();
      this.#items.delete(key);
      // One that has an id is somebody's: the row that an address leads to.
      if (!node.id && this.#spare.length < MOST_SPARE) this.#spare.push(node);
    }
  }

  #drawn(row) {
    const key = this.key(row);
    const item = this.#items.get(key);
    if (!item) {
      const node = this.#spare.pop() ?? this.blank.cloneNode(true);
      this.draw.fill(node, row);
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
