"""The page's modules by themselves, in a real browser."""

import pytest
from playwright.sync_api import Page


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
        const line = new StatusLine();
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
    assert shown[states.index("disconnected")][0] == "Disconnected. Showing data from 03:04:05 UTC"
    assert [state for state, (_, _, hidden) in zip(states, shown, strict=True) if not hidden] == ["disconnected"]


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
