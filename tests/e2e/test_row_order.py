"""The orders of the contract, and lists that keep to them, against the same rules in Python."""

import random

from playwright.sync_api import Page

from livestream.history import HistoryKey
from livestream.times import format_ms
from livestream_web.paging import read_message_token
from tests.e2e.random_frames import ROUNDS, WINDOW, newest, random_frames

ODD_STRINGS = [
    "",
    "a",
    "b",
    "ab",
    "é",
    "z",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "𐀀",
    "🙂",
    "🙂a",
    "🙃",
    "a🙂",
    "a\uffff",
    "שלום",
]


def test_strings_compare_by_code_points(modules: Page) -> None:
    script = "(s) => load('order.js').then((m) => [...s].sort(m.compareCodePoints))"
    assert modules.evaluate(script, random.Random(1).sample(ODD_STRINGS, len(ODD_STRINGS))) == sorted(ODD_STRINGS)


def test_tokens_are_those_of_the_server(modules: Page) -> None:
    for key in (
        HistoryKey(0, "a", 0),
        HistoryKey(-62135596800000, "#日本/🙂", 2**40),
        HistoryKey(253402300799999, "~~~???>>>", 7),
    ):
        row = {"ts": format_ms(key.ts_ms), "channel": key.channel, "offset": key.offset}
        token = modules.evaluate("(row) => load('paging.js').then((m) => m.tokenBelow(row))", row)
        assert read_message_token(token) == key


def test_a_list_holds_the_window_and_an_unbroken_run_below_it(modules: Page) -> None:
    script = """async ([shown, more, window, capacity, frames]) => {
        const { SortedRows } = await load("sorted-rows.js");
        const { newestFirst } = await load("order.js");
        const key = (row) => row.offset;
        const rows = new SortedRows({ compare: newestFirst, key, window, capacity, rows: shown, more });
        return frames.map((frame) => {
            rows.remove((row) => frame.removed.includes(row.offset));
            rows.put(frame.rows);
            rows.put(frame.rows);
            return { rows: rows.rows, more: rows.more };
        });
    }"""
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        start, frames, windows = random_frames(rng)
        capacity = rng.choice([WINDOW, WINDOW + 5, 1000])
        shown = newest(start, max(WINDOW, rng.choice([0, capacity])))[:capacity]
        held = modules.evaluate(script, [shown, len(start) > len(shown), WINDOW, capacity, frames])
        everything = {row["offset"]: row for row in start}
        for frame, window, list_ in zip(frames, windows, held, strict=True):
            for offset in frame["removed"]:
                del everything[offset]
            everything |= {row["offset"]: row for row in frame["rows"]}
            rows = list_["rows"]
            assert rows[:WINDOW] == window, f"seed {seed}"
            assert rows == newest(list(everything.values()), len(rows)), f"seed {seed}: a gap, or out of order"
            assert list_["more"] or len(rows) == len(everything), f"seed {seed}: rows that nothing leads to"
