"""The views that are watched, read when the first client comes and let go when the last one was gone for a while."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

from livestream.deltas import Delta
from livestream.frames import View
from livestream.readmodel import ReadModel, ViewRead
from livestream.retries import until_it_works
from livestream.serving import NoEpochError
from livestream_gateway import metrics
from livestream_gateway.follower import UNREACHABLE, Follower, Following
from livestream_gateway.touch import Touch
from livestream_gateway.watched import WatchedView
from livestream_gateway.wire import Piece

# A page that is loaded again finds its window still there.
_KEPT_UNWATCHED_SECONDS: Final = 60.0
# Somebody who asks for ever new names must not fill the memory: windows of names are some 20 kB.
_KEPT_UNWATCHED: Final = 1_000
# As many as there are connections to Postgres; the others wait here, where they cost nothing.
READS_AT_ONCE: Final = 8


class Views:
    """Everything but the reads happens at the hub's border, synchronously. `poke` says that a read has come."""

    def __init__(self, model: ReadModel, follower: Follower, poke: Callable[[], None]) -> None:
        self._model = model
        self._follower = follower
        self._poke = poke
        self._views: dict[View, WatchedView] = {}
        self._reads: set[asyncio.Task[None]] = set()
        self._arrived: set[WatchedView] = set()
        self._slots = asyncio.Semaphore(READS_AT_ONCE)
        self._following: Following | None = None

    def have_arrived_by(self, border: int) -> bool:
        """Whether a tick to that border would make a view ready."""
        return any(watched.has_arrived_by(border) for watched in self._arrived)

    def watch(self, view: View) -> WatchedView:
        """One more client watches it."""
        watched = self._views.get(view)
        if watched is None:
            watched = self._views[view] = WatchedView(view)
            metrics.WATCHED_VIEWS.set(len(self._views))
        watched.watchers += 1
        self._read_where_needed(watched)
        return watched

    def unwatch(self, watched: WatchedView) -> None:
        watched.watchers -= 1
        watched.unwatched_since = time.monotonic()

    def begin(self, following: Following | None) -> None:
        """Read everything anew."""
        self._following = following
        for task in self._reads:
            task.cancel()
        self._arrived.clear()
        for watched in self._views.values():
            watched.void()
            watched.reading = False
            self._read_where_needed(watched)

    async def close(self) -> None:
        """Stop reading, and hold nothing of the clients any more that are about to be closed."""
        for task in self._reads:
            task.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)

    def advance(self, deltas: Sequence[Delta], following: Following) -> dict[WatchedView, Piece]:
        """Move all views on to the new border, and say what clients have to be told."""
        told: dict[WatchedView, Piece] = {}
        touch = Touch(deltas)
        border = following.recent.end
        for watched in self._views.values():
            if watched.has_arrived_by(border) or touch.concerns(watched.view):
                body = watched.advance(deltas, following.recent)
                if body is not None:
                    told[watched] = body
            else:
                watched.stay(border)
            if watched.take_lost():
                for stream in list(watched.streams):
                    stream.leave()
            self._read_where_needed(watched)
        self._arrived = {watched for watched in self._arrived if watched.has_arrived}
        return told

    def sweep(self) -> None:
        """Let go of what nobody watches any more."""
        unwatched = sorted(
            (watched for watched in self._views.values() if not watched.watchers), key=lambda each: each.unwatched_since
        )
        limit = time.monotonic() - _KEPT_UNWATCHED_SECONDS
        surplus = len(unwatched) - _KEPT_UNWATCHED
        for index, watched in enumerate(unwatched):
            if index < surplus or watched.unwatched_since < limit:
                del self._views[watched.view]
                self._arrived.discard(watched)
        metrics.WATCHED_VIEWS.set(len(self._views))

    def _read_where_needed(self, watched: WatchedView) -> None:
        if self._following is None or not watched.needs_reading:
            return
        watched.reading = True
        task = asyncio.create_task(self._read(watched, self._following), name=f"read {watched.view}")
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)

    async def _read(self, watched: WatchedView, following: Following) -> None:
        async def attempt() -> ViewRead:
            async with self._slots:
                return await self._read_of(watched.view, following)

        # Whatever the error is, it concerns this view only, and its clients are served when it is gone.
        read = await until_it_works("read_view", attempt, (Exception,))
        # A view that was let go meanwhile is in nobody's tick any more: it would be waited for without end.
        if following is self._following and self._views.get(watched.view) is watched:
            watched.reading = False
            watched.arrive(read)
            self._arrived.add(watched)
            self._poke()

    async def _read_of(self, view: View, following: Following) -> ViewRead:
        metrics.VIEW_READS.labels(view.kind.value).inc()
        read = await self._model.read(view)
        if read.cursor.epoch != following.log.epoch:
            try:
                await self._follower.observe()
            except UNREACHABLE as error:
                raise NoEpochError from error
            raise NoEpochError(f"{read.cursor.epoch} began while {view} was read")
        return read
