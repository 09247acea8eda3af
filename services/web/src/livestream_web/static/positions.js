// Cursors, `<epoch>-<sequence>`: comparable within an epoch only. The empty cursor stands for none.

const parts = (cursor) => cursor.split("-");

/** Whether `a` is complete up to where `b` stands. */
export function reaches(a, b) {
  const [epoch, sequence] = parts(a);
  const [other, least] = parts(b);
  return epoch === other && Number(sequence) >= Number(least);
}

/** From where all of them miss nothing; "" where only a snapshot can tell, since one has none or they are of two epochs. */
export function earliest(cursors) {
  const [first, ...others] = cursors;
  return others.reduce((least, cursor) => {
    if (least && reaches(cursor, least)) return least;
    return least && reaches(least, cursor) ? cursor : "";
  }, first ?? "");
}
