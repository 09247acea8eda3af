"""The gateway's clock: every tick takes all views and their clients from one cursor, the border, to the next.

Views and the border move on together and without waiting, before the first byte of a tick is written. So whoever joins
meanwhile joins at the new border, and a frame is for those only who stand before its end.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from typing import Final

from opentelemetry.trace import SpanKind

from livestream import times
from livestream.cursor import Cursor
from livestream.deltas import Delta
from livestream.frames import StreamState, sse, sse_end
from livestream.logs import get_logger
from livestream.tracing import MOST_AT_ONCE, Steps, now_ns
from livestream_gateway import metrics
from livestream_gateway.catch_up import CatchUps
from livestream_gateway.fan_out import FanOut
from livestream_gateway.follower import Follower, Following
from livestream_gateway.heartbeat import Health, assess
from livestream_gateway.pace import Pace
from livestream_gateway.stream import Stream
from livestream_gateway.views import Views
from livestream_gateway.wire import Piece

HEARTBEAT_SECONDS: Final = 2.0
# How late a change of state may be noticed when Redis is silent.
_LOOK_EVERY_SECONDS: Final = 0.25

_log = get_logger(__name__)


class Hub:
    """`following`, `border` and `end` (the border's `id:`) belong together; the border is None while nothing is loaded.

    `news` is set by whoever has something for the next tick.
    """

    def __init__(
        self, follower: Follower, views: Views, fan_out: FanOut, news: asyncio.Event, pace: Pace | None = None
    ) -> None:
        self.streams: set[Stream] = set()
        self.views = views
        self.catch_ups = CatchUps()
        self.following: Following | None = None
        self.border: Cursor | None = None
        self.end = Piece(sse_end())
        self.moved = asyncio.Event()
        self._follower = follower
        self._fan_out = fan_out
        self._news = news
        self._pace = pace or Pace()
        self._health = assess(None, 0)
        _measure_health(self._health)
        self.status = Piece(sse("status", self._health.json(self._pace.tick_ms)))
        self._next_tick = 0.0
        self._next_beat = 0.0

    async def run(self) -> None:
        """Runs until it is cancelled."""
        try:
            while True:
                await self._wait()
                if self._follower.following is not self.following:
                    self._begin(self._follower.following)
                if self._tick_in() <= 0:
                    await self._tick()
                if self._look() or self._beat_in() <= 0:
                    await self._beat()
        finally:
            await self.views.close()

    async def _wait(self) -> None:
        """Until something may have changed, or is due."""
        seconds = min(self._tick_in(), self._beat_in(), _LOOK_EVERY_SECONDS)
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
        else:
            await asyncio.sleep(0)  # whatever keeps it busy, clients and health checks have a turn
        self._news.clear()

    def _tick_in(self) -> float:
        """Seconds until the next tick; endless where it would tell nothing."""
        if self.following is None or self.border is None:
            return inf
        newest = self.following.newest
        if self.views.have_arrived_by(newest.sequence):
            return 0.0
        return inf if newest == self.border else self._next_tick - _now()

    def _beat_in(self) -> float:
        return self._next_beat - _now()

    def _begin(self, following: Following | None) -> None:
        """All that is held is void: read it anew, and bring every client back from its own cursor."""
        self.following = following
        self._move(following.newest if following else None)
        self.views.begin(following)
        self.catch_ups.clear()
        for stream in self.streams:
            if stream.live:
                stream.leave()

    async def _tick(self) -> None:
        following, border = self.following, self.border
        if following is None or border is None:
            return
        if not following.recent.covers(border.sequence):
            _log.warning("deltas_dropped_untold", border=border.sequence, held_from=following.recent.start)
            self._begin(following)
            return
        started, started_ns = _now(), now_ns()
        deltas = following.recent.between(border.sequence, following.recent.end)
        told = self.views.advance(deltas, following)
        self._move(following.newest)
        self._erase(deltas, following)
        if self.border is not None:
            await self._fan_out.tick(told, self.border, self.end)
        took = _now() - started
        self._pace.took(took)
        self._next_tick = started + self._pace.tick_ms / 1000
        metrics.TICK_SECONDS.observe(took)
        if deltas:
            _measure_ages(deltas)
        self._trace(deltas, started_ns)

    def _trace(self, deltas: Sequence[Delta], started_ns: int) -> None:
        """What is traced came from its delta into frames, and those are with the sockets of all who watch."""
        parents = tuple(parent for delta in deltas for parent in delta.traces)[:MOST_AT_ONCE]
        if traced := Steps("frame", parents, SpanKind.CONSUMER, started_ns):
            traced.end(cursor=str(self.border), streams=len(self.streams), tick_ms=self._pace.tick_ms)

    def _move(self, border: Cursor | None) -> None:
        self.border, self.end = border, Piece(sse_end(border))
        self.moved.set()
        self.moved = asyncio.Event()

    def _erase(self, deltas: Sequence[Delta], following: Following) -> None:
        """A deleted user's texts are not kept, not even to catch somebody up (contract, section 2)."""
        erasing = [delta.sequence for delta in deltas if delta.removed_users]
        if erasing:
            following.recent.forget(erasing[-1] - 1)
            self.catch_ups.clear()

    def _look(self) -> bool:
        """Bring the status up to date; whether its state changed, and so has to be told at once."""
        health, before = assess(*self._follower.last_status()), self._health
        if health != before:
            self._health = health
            _measure_health(health)
            self.status = Piece(sse("status", health.json(self._pace.tick_ms)))
        return health.state is not before.state

    async def _beat(self) -> None:
        self._next_beat = _now() + HEARTBEAT_SECONDS
        await self._fan_out.status(self.streams, self.status, self.border, self.end)
        self.views.sweep()


def _measure_ages(deltas: Sequence[Delta]) -> None:
    """Once a tick, whoever watches: what a viewer of everything would have seen."""
    now_ms = times.now_ms()
    metrics.FRAME_AGE_SECONDS.observe(max(now_ms - deltas[0].as_of_ms, 0) / 1000)
    for delta in deltas:
        if delta.oldest_append_ms:
            age_seconds = max(now_ms - delta.oldest_append_ms, 0) / 1000
            metrics.MESSAGE_AGE_SECONDS.observe(age_seconds, len(delta.messages))


def _measure_health(health: Health) -> None:
    for state in StreamState:
        metrics.STREAM_STATE.labels(state.value).set(state is health.state)
    metrics.TOLD_LAG_SECONDS.set(health.lag_ms / 1000)


def _now() -> float:
    """The loop's clock, in seconds."""
    return asyncio.get_running_loop().time()
