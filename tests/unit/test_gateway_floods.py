"""What viewers are sent when one delta changes thousands of rows: never much more than their whole view."""

import json
from collections.abc import Sequence

import pytest

from livestream.cursor import Cursor
from livestream.deltas import Delta, MessageRow, NameRow, RemovedMessage, Totals, message_row
from livestream.frames import View, ViewKind, Window, snapshot_json
from livestream.readmodel import ViewRead
from livestream_gateway.connection import Connection
from livestream_gateway.retention import RecentDeltas
from livestream_gateway.stream import Stream
from livestream_gateway.watched import WatchedView
from livestream_gateway.wire import Form
from tests.support.folding_client import FoldingClient

USERS = 5_000
PLAIN = Form(gzip=False, chunked=False)


class NoConnection(Connection):
    """A view tells nothing where nobody watches; what is told is looked at here before it is sent."""

    def __init__(self) -> None:
        pass


def message(number: int) -> MessageRow:
    return message_row(
        channel="c", id_=str(number), user="u", ts_ms=number, append_ms=number, offset=number,
        text=f"text {number}", edited_ts_ms=None,
    )  # fmt: skip


def delta(
    sequence: int,
    users: Sequence[NameRow] = (),
    removed: Sequence[MessageRow] = (),
    messages: Sequence[MessageRow] = (),
) -> Delta:
    gone = [RemovedMessage(row.channel, row.id, row.user, row.member) for row in removed]
    return Delta(
        sequence, 0, Totals(len(users), 1, len(users)), bool(gone or users), {}, list(messages), gone, [], [], [],
        list(users),
    )  # fmt: skip


class Viewer:
    """A view in the gateway, and a client that keeps all it is told."""

    def __init__(self, view: View, window: Window) -> None:
        self.watched = WatchedView(view)
        self.watched.streams.add(Stream(NoConnection(), [self.watched], None))
        self.watched.arrive(ViewRead(window, Cursor("0" * 16, window.sequence), 0))
        self.recent = RecentDeltas(0, 100_000_000)
        self.watched.advance([], self.recent)
        self.client = FoldingClient(view, tidy=False)
        self.client.apply("snapshot", json.loads(snapshot_json(window, 0)))

    def tell(self, *deltas: Delta) -> tuple[str, int]:
        """The event that a tick sends, and its bytes."""
        for each in deltas:
            self.recent.append(each)
        piece = self.watched.advance(deltas, self.recent)
        assert piece is not None
        event, data = piece.to(PLAIN).decode().strip().split("\n")
        kind = event.removeprefix("event: ")
        self.client.apply(kind, json.loads(data.removeprefix("data: ")))
        return kind, len(piece.to(PLAIN))

    def snapshot_bytes(self) -> int:
        assert self.watched.window is not None
        return len(snapshot_json(self.watched.window, 0))


def assert_holds_the_window(viewer: Viewer) -> None:
    window = viewer.watched.window
    assert window is not None
    shown = {key: rows for key, rows in json.loads(snapshot_json(window, 0)).items() if key not in ("view", "as_of")}
    assert viewer.client.window() == shown


@pytest.mark.parametrize("kind", [ViewKind.HOME, ViewKind.USERS])
@pytest.mark.parametrize("left", [0, 3])
async def test_thousands_of_counts_that_fall_at_once_are_told_by_the_window(kind: ViewKind, left: int) -> None:
    """A big channel was deleted, whose users have something left elsewhere, or nothing."""
    view = View(kind)
    top = [NameRow(f"top-{number}", "", 1_000 - number, 1) for number in range(view.limits.users)]
    viewer = Viewer(view, Window(view, 0, Totals(1, 1, 1), users=top))
    event, sent_bytes = viewer.tell(delta(1, [NameRow(f"user-{n}", "", left, 1) for n in range(USERS)]))
    assert event == "snapshot"
    assert sent_bytes < 1.1 * viewer.snapshot_bytes()
    assert_holds_the_window(viewer)


async def test_a_few_counts_that_fall_are_told_as_they_are() -> None:
    view = View(ViewKind.USERS)
    top = [NameRow(f"top-{number}", "", 1_000 - number, 1) for number in range(10)]
    viewer = Viewer(view, Window(view, 0, Totals(1, 1, 1), users=top))
    assert viewer.tell(delta(1, [NameRow("top-3", "", 1, 1)]))[0] == "delta"
    assert_holds_the_window(viewer)


@pytest.mark.parametrize("kind", [ViewKind.MESSAGES, ViewKind.CHANNEL])
async def test_thousands_of_removed_messages_are_told_by_the_window(kind: ViewKind) -> None:
    """Of a channel whose upstream's clock runs fast, a deletion names the messages one by one."""
    view = View(kind, "c" if kind is ViewKind.CHANNEL else "")
    rows = [message(number) for number in range(10)]
    viewer = Viewer(view, Window(view, 0, Totals(1, 1, 1), messages=rows[:5]))
    event, _ = viewer.tell(delta(1, removed=[message(1_000 + n) for n in range(USERS)], messages=rows[5:]))
    assert event == "snapshot"
    assert_holds_the_window(viewer)


async def test_messages_that_the_window_does_not_hold_any_more_are_not_skipped() -> None:
    """However many are removed in the same tick."""
    view = View(ViewKind.MESSAGES)
    viewer = Viewer(view, Window(view, 0, Totals(1, 1, 1)))
    rows = [message(number) for number in range(view.limits.messages + 1)]
    event, _ = viewer.tell(delta(1, removed=[message(1_000 + n) for n in range(USERS)], messages=rows))
    assert event == "delta"
    assert viewer.client.told == [row.key for row in rows]
    assert_holds_the_window(viewer)
