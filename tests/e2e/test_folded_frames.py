"""Frames that come before a page is ready for them are folded, and show what they would have shown one by one."""

import random
from typing import Any

from playwright.sync_api import Page

from tests.e2e.random_frames import ROUNDS, WINDOW, newest, order_of, random_frames


def as_delta(frame: dict[str, Any]) -> dict[str, Any]:
    """As it comes over a stream."""
    return {"view": "messages", "removed": {"messages": frame["ids"]}, "messages": frame["rows"]}


def test_frames_that_were_folded_into_one_show_what_they_would_have_shown_one_by_one(modules: Page) -> None:
    """Above all that a reader holds only the window counts, however much was left out; below nothing is missing."""
    script = """async ([start, window, groups]) => {
        const { Batch } = await load("batch.js");
        const { SortedRows } = await load("sorted-rows.js");
        const { newestFirst } = await load("order.js");
        const { messageKey: key } = await load("message-row.js");
        const { removalsOf } = await load("removals.js");
        const order = { compare: newestFirst, key, more: false };
        const latest = new SortedRows({ ...order, window, rows: start.slice(0, window), more: start.length > window });
        const held = start[0];
        const admits = (row) => newestFirst(held, row) <= 0;
        const read = new SortedRows({ ...order, window, capacity: Infinity, rows: start, admits });
        return groups.map((frames) => {
            const batch = new Batch(window);
            const kept = [held, ...latest.rows].sort(newestFirst)[0];
            for (const frame of frames) batch.add("delta", frame, kept);
            for (const rows of [latest, read]) {
                rows.remove(removalsOf(batch.delta).message);
                rows.put(batch.delta.messages ?? []);
            }
            return { latest: latest.rows, read: read.rows, told: batch.delta.messages.length };
        });
    }"""
    folded = 0
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        start, frames, windows = random_frames(rng)
        start = newest(start, len(start))
        if not start:
            continue
        everything = {row["offset"]: row for row in start}
        size = rng.choice([1, 2, 3, 12])
        groups = [frames[first : first + size] for first in range(0, len(frames), size)]
        shown = modules.evaluate(script, [start, WINDOW, [[as_delta(frame) for frame in group] for group in groups]])
        for number, (group, lists) in enumerate(zip(groups, shown, strict=True)):
            for frame in group:
                for offset in frame["removed"]:
                    everything.pop(offset, None)
                everything |= {row["offset"]: row for row in frame["rows"]}
            last = min((number + 1) * size, len(windows)) - 1
            assert lists["latest"] == windows[last], f"seed {seed}"
            below = [row for row in everything.values() if order_of(row) <= order_of(start[0])]
            assert lists["read"] == newest(below, len(below)), f"seed {seed}"
            folded += sum(len(frame["rows"]) for frame in group) > lists["told"]
    assert folded, "nothing was ever left out"


def test_messages_of_a_snapshot_are_not_left_out_of_what_follows_it(modules: Page) -> None:
    """Who reads it would not be told of an edit, where newer messages fill the window."""
    script = """async () => {
        const { Batch } = await load("batch.js");
        const row = (n) => ({ id: `${n}`, channel: "c", user: "u", offset: n, ts: new Date(n).toISOString() });
        const batch = new Batch(2);
        batch.add("snapshot", { view: "v", messages: [row(5), row(6)] }, row(1));
        batch.add("delta", { view: "v", messages: [row(5), row(7), row(8), row(9)] }, row(1));
        return batch.delta.messages.map(({ offset }) => offset);
    }"""
    assert modules.evaluate(script) == [9, 8, 5]
