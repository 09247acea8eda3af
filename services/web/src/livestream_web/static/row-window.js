// As many rows are in the document at most: some screens above and below the one that is looked at.
const MOST_ROWS = 300;
// Heights are kept for so many times the rows that the list holds: those of rows that are gone go in bulk.
const MOST_HEIGHTS_A_ROW = 2;
// So many lie before the first one that can be seen, when the choice is made anew.
const ROWS_ABOVE = 120;
// It is made anew when fewer are left on either side.
const ROWS_LEFT = 60;
const GUESSED_HEIGHT_PX = 68;

/**
 * Which rows of a long list are in the document: those around what is looked at. The others leave it, and come back when
 * somebody scrolls there; in between the list is as tall as if it held them.
 */
export class RowWindow {
  #start = 0;
  #drawn = [];
  #heights = new Map();

  /** `nodeOf(row)`: the element that shows a row, if it is in the document. */
  constructor(list, key, nodeOf) {
    Object.assign(this, { list, key, nodeOf });
  }

  /** The rows to draw, of all these. To be called once more whenever somebody scrolled. */
  choose(rows) {
    if (rows.length <= MOST_ROWS) {
      this.#start = 0;
      this.#heights.clear();
      this.#drawn = [];
      this.#reserve("", "");
      return rows;
    }
    this.#measure(rows);
    const seen = this.#firstSeen(rows);
    const end = this.#start + MOST_ROWS;
    const isNearTop = this.#start > 0 && seen - this.#start < ROWS_LEFT;
    const isNearEnd = end < rows.length && end - seen < ROWS_LEFT;
    if (isNearTop || isNearEnd) this.#start = seen - ROWS_ABOVE;
    this.#start = Math.max(0, Math.min(this.#start, rows.length - MOST_ROWS));
    this.#drawn = rows.slice(this.#start, this.#start + MOST_ROWS);
    const heightOf = (some) => `${some.reduce((sum, row) => sum + this.#height(row), 0)}px`;
    this.#reserve(heightOf(rows.slice(0, this.#start)), heightOf(rows.slice(this.#start + MOST_ROWS)));
    return this.#drawn;
  }

  /** The place among all rows of the first one that is not above the screen. */
  #firstSeen(rows) {
    const drawn = rows.findIndex((row) => this.nodeOf(row)?.getBoundingClientRect().bottom > 0);
    const { top } = this.list.getBoundingClientRect();
    let bottom = top;
    const guessed = rows.findIndex((row) => (bottom += this.#height(row)) > 0);
    // Who has scrolled far at once sees none that is drawn.
    if (drawn < 0) return guessed < 0 ? rows.length - 1 : guessed;
    const isBelowScreen = this.nodeOf(rows[drawn]).getBoundingClientRect().top > innerHeight;
    return isBelowScreen ? guessed : drawn;
  }

  #measure(rows) {
    for (const row of this.#drawn) {
      const height = this.nodeOf(row)?.offsetHeight;
      if (height) this.#heights.set(this.key(row), height);
    }
    if (this.#heights.size > MOST_HEIGHTS_A_ROW * rows.length) {
      this.#heights = new Map(rows.map((row) => [this.key(row), this.#height(row)]));
    }
  }

  #height(row) {
    return this.#heights.get(this.key(row)) ?? GUESSED_HEIGHT_PX;
  }

  #reserve(before, after) {
    const { style } = this.list;
    if (style.paddingBlockStart !== before) style.paddingBlockStart = before;
    if (style.paddingBlockEnd !== after) style.paddingBlockEnd = after;
  }
}
