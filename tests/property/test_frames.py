"""snapshot(p) followed by the deltas in (p, q] equals snapshot(q) over the window, whatever was coalesced.

Windows are made tiny here, so that rows enter and leave them all the time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livestream.frames import LIMITS, Change, Limits, View, ViewKind, Window, delta_json, snapshot_json
from tests.support.chat_model import (
    Chat,
    DeleteChannel,
    DeleteMessage,
    DeleteUser,
    Edit,
    Happening,
    Post,
    Recorded,
    record,
)
from tests.support.folding_client import FoldingClient

TINY = {
    ViewKind.HOME: Limits(3, 2, 2),
    ViewKind.MESSAGES: Limits(4, 0, 0),
    ViewKind.CHANNELS: Limits(0, 2, 0),
    ViewKind.USERS: Limits(0, 0, 3),
    ViewKind.CHANNEL: Limits(2, 1, 0),
    ViewKind.USER: Limits(3, 0, 1),
}
# Few names, so that happenings meet; their code points and UTF-16 units sort differently.
CHANNELS = ("a", "\uff5e", "😀")
USERS = ("a", "Ω", "bob", "ann")
IDS = tuple("01234")

TIMES = st.integers(1, 12)
POSTS = st.builds(
    Post, st.sampled_from(CHANNELS), st.sampled_from(IDS), st.sampled_from(USERS), TIMES, TIMES,
    st.sampled_from(("one", "two")), st.sampled_from(("", "A", "B")),
)  # fmt: skip
RARE: st.SearchStrategy[Happening] = st.one_of(
    st.builds(Edit, st.sampled_from(CHANNELS), st.sampled_from(IDS), st.sampled_from(("three", "four"))),
    st.builds(DeleteMessage, st.sampled_from(CHANNELS), st.sampled_from(IDS)),
    st.builds(DeleteChannel, st.sampled_from(CHANNELS), TIMES),
    st.builds(DeleteUser, st.sampled_from(USERS), TIMES),
)
HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(POSTS, RARE)
# A past that fills the windows and leaves rows outside, then some deltas.
BATCHES: st.SearchStrategy[list[list[Happening]]] = st.builds(
    lambda past, present: [past, *present],
    st.lists(POSTS, min_size=5, max_size=25),
    st.lists(st.lists(HAPPENINGS, min_size=1, max_size=5), min_size=1, max_size=8),
)
VIEWS = st.one_of(
    st.sampled_from([View(kind) for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)]),
    st.builds(View, st.just(ViewKind.CHANNEL), st.sampled_from(CHANNELS)),
    st.builds(View, st.just(ViewKind.USER), st.sampled_from(USERS)),
)


@pytest.fixture(scope="module", autouse=True)
def tiny_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for kind, limits in TINY.items():
            patch.setitem(LIMITS, kind, limits)
        yield


def client_at(chat: Chat, view: View, sequence: int, *, tidy: bool) -> FoldingClient:
    client = FoldingClient(view, tidy=tidy)
    client.apply("snapshot", msgspec.json.decode(snapshot_json(chat.window(view, sequence), 0)))
    return client


class Ticker:
    """What a gateway does with a view: one change a tick, and a fresh read where the window needs one."""

    def __init__(self, history: Recorded, view: View, start: int) -> None:
        self.history = history
        self.window: Window = history.states[start].window(view, start)

    def tick(self, to: int) -> dict[str, Any]:
        window, view = self.window, self.window.view
        before, change = window.copy(), Change(view)
        for delta in self.history.deltas[window.sequence : to]:
            change.add(delta)
            window.apply(delta)
        if window.needs_refill:
            self.window = window = self.history.states[to].window(view, to)
        told = change.completed(window, before)
        return decoded(delta_json(told, 0, window.totals, before.totals))


def decoded(frame: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(frame)
    return data


def catch_up(history: Recorded, view: View, start: int, to: int) -> dict[str, Any]:
    """The one frame for a client that comes back with the cursor `start`."""
    change = Change(view)
    for delta in history.deltas[start:to]:
        change.add(delta)
    window = history.states[to].window(view, to)
    return decoded(delta_json(change.completed(window, None), 0, window.totals))


def borders(data: st.DataObject, last: int) -> Sequence[int]:
    """Some of the sequences from the past to `last`, which is among them."""
    return sorted(data.draw(st.sets(st.integers(1, last))) | {last})


@given(batches=BATCHES, view=VIEWS, data=st.data())
def test_a_window_moved_on_by_deltas_is_the_window_read_anew(
    batches: list[list[Happening]], view: View, data: st.DataObject
) -> None:
    history = record(batches)
    start = data.draw(st.integers(1, len(batches) - 1))
    window = history.states[start].window(view, start)
    for delta in history.deltas:
        window.apply(delta)
        chat = history.states[max(delta.sequence, start)]
        if window.needs_refill:
            continue
        assert decoded(snapshot_json(window, 0)) == {
            **chat.expected(view), "view": str(view), "as_of": "1970-01-01T00:00:00.000Z"
        }  # fmt: skip


@settings(max_examples=300)
@given(batches=BATCHES, view=VIEWS, tidy=st.booleans(), data=st.data())
def test_a_client_that_stays_holds_the_window_after_every_tick(
    batches: list[list[Happening]], view: View, tidy: bool, data: st.DataObject
) -> None:
    history = record(batches)
    start, *rest = borders(data, len(batches))
    client, ticker = client_at(history.states[start], view, start, tidy=tidy), Ticker(history, view, start)
    for border in rest:
        frame = ticker.tick(border)
        client.apply("delta", frame)
        assert client.window() == history.states[border].expected(view)
        client.apply("delta", frame)
        assert client.window() == history.states[border].expected(view)


@settings(max_examples=300)
@given(batches=BATCHES, view=VIEWS, tidy=st.booleans(), data=st.data())
def test_a_client_that_comes_back_holds_the_window_after_one_frame(
    batches: list[list[Happening]], view: View, tidy: bool, data: st.DataObject
) -> None:
    """Its cursor may lie behind what it holds: rows are whole, so that an overlap changes nothing."""
    history = record(batches)
    start, *rest = borders(data, len(batches))
    client, ticker = client_at(history.states[start], view, start, tidy=tidy), Ticker(history, view, start)
    cursor = held = start
    for border in rest:
        if data.draw(st.booleans()):
            client.apply("delta", ticker.tick(border))
            cursor = data.draw(st.integers(held, border))
            held = border
        else:
            client.apply("delta", catch_up(history, view, data.draw(st.integers(cursor, held)), border))
            ticker.tick(border)
            cursor = held = border
        assert client.window() == history.states[border].expected(view)


@given(batches=BATCHES, view=VIEWS, data=st.data())
def test_messages_are_never_skipped_on_views_that_promise_that(
    batches: list[list[Happening]], view: View, data: st.DataObject
) -> None:
    history = record(batches)
    start, *rest = borders(data, len(batches))
    client, ticker = client_at(history.states[start], view, start, tidy=False), Ticker(history, view, start)
    for border in rest:
        client.apply("delta", ticker.tick(border))
        if view.kind in (ViewKind.MESSAGES, ViewKind.CHANNEL, ViewKind.USER):
            new = {m.key for m in history.states[border].newest(view)} - {
                m.key for m in history.states[start].newest(view)
            }
            assert new <= set(client.messages)


@given(batches=BATCHES, data=st.data())
def test_lists_of_names_tell_every_row_that_changed(batches: list[list[Happening]], data: st.DataObject) -> None:
    """A page may show rows beyond the window, and those have to stay true as well."""
    history = record(batches)
    start, *rest = borders(data, len(batches))
    for view, kind in ((View(ViewKind.CHANNELS), "channels"), (View(ViewKind.USERS), "users")):
        ticker = Ticker(history, view, start)
        held = {row.name: row.messages for row in history.states[start].names(kind)}
        for border in rest:
            frame = ticker.tick(border)
            for name, _ in frame.get("removed", {}).get(kind, []):
                held.pop(name, None)
            held |= {row["name"]: row["messages"] for row in frame.get(kind, [])}
            assert held == {row.name: row.messages for row in history.states[border].names(kind)}


@settings(max_examples=50)
@given(batches=BATCHES, view=VIEWS)
def test_a_frame_says_nothing_of_what_did_not_change(batches: list[list[Happening]], view: View) -> None:
    history = record([*batches, [DeleteMessage("a", "never seen")]])
    last = len(history.deltas)
    ticker = Ticker(history, view, last - 1)
    assert ticker.tick(last) == {"view": str(view), "as_of": "1970-01-01T00:00:00.000Z"}
