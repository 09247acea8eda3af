"""Frames as the gateway makes them, of random rows, and what they come to."""

import random
from typing import Any

from livestream.times import format_ms

ROUNDS = 150
WINDOW = 6


def order_of(row: dict[str, Any]) -> tuple[str, str, int]:
    return (row["ts"], row["channel"], row["offset"])


def newest(rows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return sorted(rows, key=order_of, reverse=True)[:count]


def random_frames(rng: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """All rows at the start, frames as the gateway makes them, and what the window holds after each."""
    rows: list[dict[str, Any]] = []
    offset = 0

    def make() -> dict[str, Any]:
        nonlocal offset
        offset += 1
        return {
            "ts": format_ms(rng.randrange(20)),
            "channel": rng.choice("ab🙂\uffff"),
            "offset": offset,
            "id": str(offset),
            "user": rng.choice("uv"),
            "text": "x",
        }

    rows = [make() for _ in range(rng.randrange(15))]
    start, frames, windows = list(rows), [], []
    for _ in range(12):
        before = newest(rows, WINDOW)
        removed = rng.sample(rows, min(len(rows), rng.choice([0, 0, 1, 2, 5])))
        added = [make() for _ in range(rng.choice([0, 1, 1, 2, 9]))]
        edited = [{**row, "text": "edited"} for row in rng.sample(rows, min(len(rows), 1)) if row not in removed]
        gone = [row["offset"] for row in removed] + [row["offset"] for row in edited]
        rows = [row for row in rows if row["offset"] not in gone] + added + edited
        after = newest(rows, WINDOW)
        entered = [row for row in after if row not in before and row not in added + edited]
        ids = [[row["channel"], row["id"]] for row in removed]
        frames.append({"removed": [row["offset"] for row in removed], "ids": ids, "rows": added + edited + entered})
        windows.append(after)
    return start, frames, windows
