"""The page's modules by themselves, in a real browser, against the same rules in Python."""

import random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route

from livestream.history import HistoryKey
from livestream.times import format_ms
from livestream_web.paging import read_message_token

ROUNDS = 150
WINDOW = 6
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


@pytest.fixture
def modules(page: Page) -> Page:
    """A page on which `load(name)` imports one of its modules."""
    page.goto("/")
    page.evaluate(
        "() => { const live = document.querySelector('script[type=module]').src;"
        " window.load = (name) => import(new URL(name, live).href); }"
    )
    return page


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


def test_events_are_read_however_the_bytes_are_split(modules: Page) -> None:
    stream = (
        'event: status\ndata: {"state":"live"}\n\n: comment\nretry: 1500\n\n'
        'event: delta\nid: e-2\ndata: {"é🙂": 1}\n\ndata: a\ndata:b\n\nevent: delta\ndata: cut off'
    )
    expected = [
        {"type": "status", "id": "", "data": '{"state":"live"}'},
        {"type": "retry", "id": "", "data": "1500"},
        {"type": "delta", "id": "e-2", "data": '{"é🙂": 1}'},
        {"type": "message", "id": "", "data": "a\nb"},
    ]
    script = """async ([bytes, size]) => {
        const { readEvents } = await load("event-stream.js");
        const body = new ReadableStream({ start(controller) {
            for (let i = 0; i < bytes.length; i += size) controller.enqueue(new Uint8Array(bytes.slice(i, i + size)));
            controller.close();
        } });
        const events = [];
        for await (const event of readEvents(body, () => {})) events.push(event);
        return events;
    }"""
    for size in (1, 2, 3, 7, 1000):
        assert modules.evaluate(script, [list(stream.encode()), size]) == expected


@pytest.mark.parametrize(
    ("link", "server", "page_is", "state"),
    [
        ("connecting", "live", {}, "connecting"),
        ("connected", "live", {}, "live"),
        ("connected", "idle", {}, "idle"),
        ("connected", "live", {"missing": True}, "missing"),
        ("connected", "stale", {"missing": True}, "stale"),
        ("connected", "rebuilding", {"paused": True}, "rebuilding"),
        ("connected", "idle", {"paused": True, "missing": True}, "paused"),
        ("reconnecting", "live", {"paused": True}, "reconnecting"),
        ("disconnected", "rebuilding", {}, "disconnected"),
    ],
)
def test_a_page_tells_what_matters_most(
    modules: Page, link: str, server: str, page_is: dict[str, bool], state: str
) -> None:
    script = "([link, server, page]) => load('status-line.js').then((m) => m.pageState(link, server, page))"
    assert modules.evaluate(script, [link, server, page_is]) == state


def test_every_state_has_a_text_and_an_icon(modules: Page) -> None:
    script = """async ([states]) => {
        const { StatusLine } = await load("status-line.js");
        const line = new StatusLine(2000);
        return states.map((state) => {
            line.show(state, Date.UTC(2026, 0, 2, 3, 4, 5, 678), { lag_ms: 1000 });
            const icon = document.querySelector(line.icon.getAttribute("href"));
            return [line.text.textContent, icon !== null, line.refresh.hidden];
        });
    }"""
    states = ["connecting", "live", "idle", "missing", "stale", "rebuilding", "reconnecting", "disconnected", "paused"]
    shown = modules.evaluate(script, [states])
    assert all(icon for _, icon, _ in shown)
    assert len({text for text, _, _ in shown}) == len(states)
    assert shown[states.index("disconnected")][0] == "Disconnected. Showing data from 03:04:06 UTC"
    assert [state for state, (_, _, hidden) in zip(states, shown, strict=True) if not hidden] == ["disconnected"]


@pytest.mark.parametrize(
    ("cursors", "expected"),
    [
        (["a-5", "a-12", "a-7"], "a-5"),
        (["a-10", "a-9"], "a-9"),
        (["a-5", "b-3"], ""),
        (["b-3", "a-5", "a-4"], ""),
        (["a-5", ""], ""),
        (["", "a-5", "a-4"], ""),
        (["a-9007199254740991"], "a-9007199254740991"),
        ([], ""),
    ],
)
def test_pages_are_served_together_from_where_none_of_them_misses_anything(
    modules: Page, cursors: list[str], expected: str
) -> None:
    assert modules.evaluate("(cursors) => load('positions.js').then((m) => m.earliest(cursors))", cursors) == expected


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


# A list beside the page's own, with `give(first, last)` as a frame of messages of these numbers.
FEED = """
    const { MessageFeed } = await load("message-feed.js");
    const element = document.querySelector("#messages").cloneNode(true);
    document.querySelector("main").prepend(element);
    element.querySelector(".messages").replaceChildren();
    const feed = new MessageFeed(element, () => {});
    const row = (n) => ({
        id: `${n}`, channel: "c", user: "u", text: `${n}`, offset: n, ts: new Date(n).toISOString() });
    const give = (first, last) => ({ messages: Array.from({ length: last - first + 1 }, (_, i) => row(first + i)) });
    const shown = () => [...element.querySelectorAll(".text")].map((node) => Number(node.textContent));
"""


def test_who_begins_to_read_while_a_burst_waits_to_be_drawn_keeps_what_is_on_the_screen(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 50));
        feed.render(false);
        feed.apply(give(51, 130), false);
        feed.render(true);
        const held = shown();
        feed.render(false);
        return [held, shown()];
    }}"""
    held, then = modules.evaluate(script)
    assert held == list(range(50, 0, -1))
    assert then == list(range(130, 80, -1))


def test_a_reader_s_list_that_a_snapshot_replaces_holds_the_snapshot(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 50));
        feed.render(false);
        element.querySelector(".user").focus();
        feed.replace(give(200, 249));
        feed.apply(give(250, 251), false);
        feed.render(false);
        return shown();
    }}"""
    assert modules.evaluate(script) == list(range(249, 199, -1))


def test_an_empty_list_can_be_paused(modules: Page) -> None:
    script = f"""async () => {{{FEED}
        feed.replace(give(1, 0));
        feed.render(true);
        feed.apply(give(1, 2), true);
        feed.render(true);
        const paused = shown();
        feed.render(false);
        return [paused, shown()];
    }}"""
    assert modules.evaluate(script) == [[], [2, 1]]


def test_heights_of_rows_that_are_gone_are_forgotten(modules: Page) -> None:
    """A list that is left open at its live edge sees any number of rows."""
    script = """async () => {
        const { RowWindow } = await load("row-window.js");
        const list = document.querySelector("main").appendChild(document.createElement("div"));
        const nodes = new Map();
        window.rows = new RowWindow(list, (row) => row, (row) => nodes.get(row));
        for (let first = 0; first < 4000; first += 200) {
            const drawn = window.rows.choose(Array.from({ length: 400 }, (_, i) => `${first + i}`));
            nodes.clear();
            list.replaceChildren(...drawn.map((row) => {
                const node = document.createElement("p");
                node.textContent = row;
                nodes.set(row, node);
                return node;
            }));
        }
        return window.rows;
    }"""
    session = modules.context.new_cdp_session(modules)
    modules.evaluate(script)
    kept = session.send("Runtime.evaluate", {"expression": "window.rows"})["result"]["objectId"]
    private = session.send("Runtime.getProperties", {"objectId": kept, "ownProperties": True})["privateProperties"]
    (heights,) = [each["value"]["description"] for each in private if each["name"] == "#heights"]
    assert 0 < int(heights.removeprefix("Map(").removesuffix(")")) <= 1000


def test_the_same_summary_twice_is_told_twice(modules: Page) -> None:
    """Screen readers read out what changes."""
    modules.clock.install()
    script = """async () => {
        const { Announcer } = await load("announcer.js");
        const element = document.createElement("p");
        const announcer = new Announcer(element, () => false, () => true);
        window.told = [];
        new MutationObserver(() => window.told.push(element.textContent.trim())).observe(element, { childList: true });
        window.hear = () => announcer.heard([{}]);
    }"""
    modules.evaluate(script)
    for _ in range(2):
        modules.evaluate("() => hear()")
        modules.clock.run_for(20_000)
    assert modules.evaluate("() => told") == ["1 new message.", "1 new message."]


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


def test_a_snapshot_for_one_page_s_cursor_replaces_nothing_of_a_page_that_is_further_on(modules: Page) -> None:
    """Which of two answers comes first is up to the line: here the one that was asked for from far behind."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        cursor = parse_qs(urlsplit(route.request.url).query)["cursor"][0]
        asked.append(cursor)
        body = 'event: status\ndata: {"state": "live"}\n\n'
        if cursor == "e-2":
            body += 'event: snapshot\ndata: {"view": "messages", "reason": "behind"}\nid: e-9\n\n'
        elif cursor == "e-5" and "e-2" in asked:
            body += 'event: delta\ndata: {"view": "messages"}\nid: e-9\n\n'
        route.fulfill(body=body, content_type="text/event-stream")

    modules.route("**/streams-of-this-test?*", answer)
    script = """async () => {
        const { StreamHub } = await load("stream-hub.js");
        const hub = new StreamHub("/streams-of-this-test");
        const told = {};
        const watch = (page, cursor) => new Promise((resolve) => {
            const { port1, port2 } = new MessageChannel();
            hub.add(port1);
            port2.onmessage = ({ data }) => {
                if (data.told !== "frames") return;
                told[page] = [Boolean(data.snapshot), Boolean(data.delta), data.cursor];
                resolve();
            };
            port2.postMessage({ say: "watch", view: "messages", cursor, rows: 200, turn: 1 });
            port2.postMessage({ say: "ready", kept: null });
        });
        await Promise.all([watch("further on", "e-5"), watch("far behind", "e-2")]);
        hub.connection.close();
        return told;
    }"""
    assert modules.evaluate(script) == {"further on": [False, True, "e-9"], "far behind": [True, False, "e-9"]}
