"""The hub of a browser's pages by itself: what each of them is told of one connection."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route


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


def test_a_page_is_told_of_a_time_only_with_what_came_until_then(modules: Page) -> None:
    """A hub that hears the gateway for others says nothing of how old this page is; a heartbeat that completes its
    position does, and keeps its cursor young."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query)["cursor"][0])
        body = 'event: status\ndata: {"state": "live"}\n\n'
        if len(asked) != 2:
            body += f'event: status\ndata: {{"state": "live"}}\nid: e-{len(asked) + 4}\n\n'
        route.fulfill(body=body, content_type="text/event-stream")

    modules.route("**/streams-of-this-test?*", answer)
    script = """async () => {
        const { StreamHub } = await load("stream-hub.js");
        const hub = new StreamHub("/streams-of-this-test");
        const watch = (cursor) => new Promise((resolve) => {
            const { port1, port2 } = new MessageChannel();
            const before = [];
            hub.add(port1);
            port2.onmessage = ({ data: { told, cursor: reached, heardAt } }) => {
                if (heardAt) resolve([before, told, reached]);
                else before.push(told);
            };
            port2.postMessage({ say: "watch", view: "messages", cursor, rows: 200, turn: 1 });
        });
        const told = [await watch("e-5"), await watch("e-2")];
        hub.connection.close();
        return told;
    }"""
    (_, _, first), (before, told, reached) = modules.evaluate(script)
    assert first == "e-5"
    assert asked[:3] == ["e-5", "e-2", "e-2"]
    assert {"link", "status"} == set(before)
    assert (told, reached) == ("status", "e-7")
