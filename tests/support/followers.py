"""Clients that follow streams through whatever happens, and hold every event to what a client is promised."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from livestream.cursor import Cursor
from livestream.frames import View
from livestream.retries import delays
from livestream_auditor.sse import EventParser, ServerSentEvent, read_events
from tests.support.folding_client import FoldingClient, MessageKey
from tests.support.waiting import wait_until_async

# A heartbeat comes every two seconds; a stream that says nothing for so long has gone silent.
SILENCE_S = 10
LONGEST_WAIT_S = 1.0
RESUMED_REASONS = frozenset({"epoch", "evicted", "behind", "slow"})


class Row(NamedTuple):
    """Where a message stands in every view, and what is shown."""

    ts: str
    channel: str
    offset: int
    text: str


class FollowedView:
    """What one view's client holds: its window, and as history every message since its last snapshot began."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.shown = FoldingClient(view)
        self.totals: list[int] = []
        self.reasons: list[str] = []
        self._kept = FoldingClient(view, tidy=False)
        self._floor = ""
        self._may_overlap = True

    def connected(self) -> None:
        """The next frame may tell again what is held."""
        self._may_overlap = True

    def take(self, event: str, data: dict[str, Any]) -> None:
        if event == "snapshot":
            self.reasons.append(data["reason"])
            rows = data.get("messages", [])
            self._floor = rows[0]["ts"] if rows and len(rows) >= self.view.limits.messages else ""
            self._may_overlap = True
        else:
            repeated = [key for key, row in _keyed(data) if self._kept.messages.get(key) == row]
            # What a removal lets into the window again may be told again.
            assert self._may_overlap or "removed" in data or not repeated, f"{self.view} was told twice: {repeated}"
            self._may_overlap = False
        self.shown.apply(event, data)
        self._kept.apply(event, data)
        if "totals" in data:
            self.totals.append(data["totals"]["messages"])

    def history(self) -> tuple[str, set[Row]]:
        """The messages that it was told of with a `ts` later than what is returned with them, and still holds."""
        held = self._kept.messages.values()
        rows = (Row(row["ts"], row["channel"], row["offset"], row["text"]) for row in held)
        return self._floor, {row for row in rows if row.ts > self._floor}


def _keyed(data: dict[str, Any]) -> Iterator[tuple[MessageKey, dict[str, Any]]]:
    for row in data.get("messages", []):
        yield (row["channel"], row["id"]), row


class Follower:
    """One stream of some views; it comes back from where it was, as a browser does, whenever the stream ends."""

    def __init__(self, stream_url: str, views: Iterable[View]) -> None:
        self.views = {str(view): FollowedView(view) for view in views}
        self.states: set[str] = set()
        self.cursors: list[Cursor] = []
        self.connections = 0
        self._url = f"{stream_url}/v1/streams"
        self._parser = EventParser()
        self._complete = False

    @property
    def position(self) -> Cursor | None:
        """Where it stands, unless the frames of a position are still coming in."""
        return self.cursors[-1] if self._complete else None

    @property
    def epochs(self) -> list[str]:
        """Each once, in the order in which they began."""
        return list(dict.fromkeys(cursor.epoch for cursor in self.cursors))

    def windows(self) -> dict[str, dict[str, Any]]:
        return {name: view.shown.window() for name, view in self.views.items()}

    async def follow(self, session: aiohttp.ClientSession) -> None:
        """Runs until it is cancelled. Raises AssertionError where a promise is broken."""
        waits = delays(longest=LONGEST_WAIT_S)
        while True:
            # Bytes of a cut event are void; the parser keeps the last id, as a browser does.
            self._parser = EventParser(self._parser.last_event_id)
            headers = {"Last-Event-ID": self._parser.last_event_id} if self._parser.last_event_id else {}
            try:
                async with session.get(
                    self._url, params=[("view", name) for name in self.views], headers=headers
                ) as response:
                    assert response.status == 200
                    self._connect()
                    async for event in read_events(response, self._parser):
                        self._take(event, resumed=bool(headers))
                        waits = delays(longest=LONGEST_WAIT_S)
            except aiohttp.SocketTimeoutError:
                raise AssertionError(f"silence for {SILENCE_S} s, after {self.cursors[-1:]}") from None
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(next(waits))

    def _connect(self) -> None:
        self.connections += 1
        for view in self.views.values():
            view.connected()

    def _take(self, event: ServerSentEvent, *, resumed: bool) -> None:
        data = json.loads(event.data)
        if event.event == "status":
            self.states.add(data["state"])
        else:
            if event.event == "snapshot" and (resumed or self.cursors):
                allowed = RESUMED_REASONS if self.views[data["view"]].reasons else RESUMED_REASONS | {"start"}
                assert data["reason"] in allowed, f"a {data['reason']} snapshot after {self.cursors[-1:]}"
            self.views[data["view"]].take(event.event, data)
            self._complete = False
        if event.has_id and (cursor := Cursor.parse(event.id)):
            self._advance(cursor)

    def _advance(self, cursor: Cursor) -> None:
        before = self.cursors[-1] if self.cursors else None
        if before is None or before.epoch != cursor.epoch:
            assert cursor.epoch not in self.epochs, f"back in an epoch that had ended: {cursor}"
        else:
            assert cursor.sequence >= before.sequence, f"{cursor} after {before}"
        self.cursors.append(cursor)
        self._complete = True


class Followers:
    """Clients of the same views: one of them all, and one of each."""

    def __init__(self, stream_url: str, views: Sequence[View]) -> None:
        self.views = views
        self.all = [Follower(stream_url, views), *(Follower(stream_url, [view]) for view in views)]
        self._stream_url = stream_url
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            self._tasks = [asyncio.create_task(each.follow(session)) for each in self.all]
            try:
                yield
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def reasons(self) -> set[str]:
        """Of all snapshots that they got."""
        return {reason for each in self.all for view in each.views.values() for reason in view.reasons}

    def check(self) -> None:
        """Raises what ended one of them."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def have_begun(self) -> None:
        await wait_until_async(self._all_hold_all, 30, "clients that hold every view")

    async def agree_with_a_new_client(self, timeout_s: float = 30) -> Follower:
        """Snapshot and deltas come to what a snapshot is: returns the new client. Nothing may be posted meanwhile."""
        newcomers = Followers(self._stream_url, self.views)
        newcomers.all = newcomers.all[:1]
        async with newcomers.running():
            (newcomer,) = newcomers.all

            async def agreed() -> bool:
                self.check()
                newcomers.check()
                positions = {each.position for each in (newcomer, *self.all)}
                return len(positions) == 1 and None not in positions and len(newcomer.windows()) == len(self.views)

            await wait_until_async(agreed, timeout_s, "all clients at the position of a new one")
            for each in self.all:
                for name, window in each.windows().items():
                    assert window == newcomer.windows()[name], f"{name} at {newcomer.position}"
            return newcomer

    async def _all_hold_all(self) -> bool:
        self.check()
        return all(each.position and all(view.reasons for view in each.views.values()) for each in self.all)


@asynccontextmanager
async def following(stream_url: str, views: Sequence[View]) -> AsyncIterator[Followers]:
    """Followers that hold a first snapshot of every view; what they were promised and did not get is raised."""
    followers = Followers(stream_url, views)
    async with followers.running():
        await followers.have_begun()
        yield followers
        followers.check()
