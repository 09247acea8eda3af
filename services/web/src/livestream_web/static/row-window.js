import { hasSelection } from "./reader.js";

// As many rows are in the document at most, but for those in use: some screens above and below what is looked at.
const MOST_ROWS = 300;
// So many lie before the first one that can be seen, when the choice is made anew.
const ROWS_ABOVE = 120;
// It is made anew when fewer are left on either side.
const ROWS_LEFT = 60;
const GUESSED_HEIGHT_PX = 68;

/**
 * Which rows of a long list are in the document: those around what is looked at, and those in use. The others leave it,
 * and come back when somebody scrolls there; in between the list is as tall as if it held them.
 */
export class RowWindow {
  #start = 0;
  #heights = new WeakMap();

  /** `drawn`: the KeyedList of the rows in the document, all children of `list`. */
  constructor(list, drawn) {
    Object.assign(this, { list, drawn });
  }

  /** Show these rows. Returns the nodes of those that are new. To be called once more whenever somebody scrolled. */
  show(rows) {
    const made = this.drawn.render(rows.length > MOST_ROWS ? this.#choose(rows) : rows);
    this.#reserve(rows);
    return made;
  }

  #choose(rows) {
    const nodes = rows.map((row) => this.drawn.nodeOf(row));
    nodes.forEach((node, i) => node && this.#heights.set(rows[i], node.getBoundingClientRect().height));
    const seen = this.#firstSeen(rows, nodes);
    const isNearTop = seen - this.#start < ROWS_LEFT;
    const isNearEnd = this.#start + MOST_ROWS - seen < ROWS_LEFT;
    if (isNearTop || isNearEnd) this.#start = seen - ROWS_ABOVE;
    this.#start = Math.max(0, Math.min(this.#start, rows.length - MOST_ROWS));
    const isUsed = rowsInUse(nodes);
    return rows.filter((_, i) => (i >= this.#start && i < this.#start + MOST_ROWS) || isUsed(i));
  }

  /** The place among all rows of the first one that is not above the screen. */
  #firstSeen(rows, nodes) {
    const drawn = nodes.findIndex((node) => node?.getBoundingClientRect().bottom > 0);
    let bottom = this.list.getBoundingClientRect().top;
    const guessed = rows.findIndex((row) => (bottom += this.#height(row)) > 0);
    // Who has scrolled far at once sees none that is drawn.
    if (drawn < 0) return guessed < 0 ? rows.length - 1 : guessed;
    return nodes[drawn].getBoundingClientRect().top > innerHeight ? guessed : drawn;
  }

  /** Keep the room of rows that are not in the document: above the next one that is, or below the last. */
  #reserve(rows) {
    let left = 0;
    for (const row of rows) {
      const node = this.drawn.nodeOf(row);
      if (!node) {
        left += this.#height(row);
        continue;
      }
      setSpace(node, "marginBlockStart", left);
      left = 0;
    }
    setSpace(this.list, "paddingBlockEnd", left);
  }

  #height(row) {
    return this.#heights.get(row) ?? GUESSED_HEIGHT_PX;
  }
}

/** By its place: whether a row has the focus or is selected. Of a selection that is itself too long, the ends count. */
function rowsInUse(nodes) {
  const placesOf = (isUsed) => [...nodes.keys()].filter((i) => nodes[i] && isUsed(nodes[i]));
  const [focused] = placesOf((node) => node.contains(document.activeElement));
  const selected = placesOf(hasSelection);
  const [first, last] = [selected[0], selected.at(-1)];
  const isShort = last - first < MOST_ROWS;
  return (i) => i === focused || i === first || i === last || (isShort && i > first && i < last);
}

function setSpace({ style }, side, px) {
  const space = px ? `${px}px` : "";
  if (style[side] !== space) style[side] = space;
}
