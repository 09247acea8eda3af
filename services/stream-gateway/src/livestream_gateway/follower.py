"""Following the delta log of the current epoch into memory, and asking Redis how everything stands."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from redis.exceptions import RedisError

from livestream.cursor import Cursor
from livestream.logs import get_logger
from livestream.retries import RETRIES, delays, describe
from livestream.serving import DeltaLog, ServingCopy, Status
from livestream_gateway import metrics
from livestream_gateway.retention import RecentDeltas

UNREACHABLE: Final = (RedisError, OSError, TimeoutError)

_STATUS_EVERY_SECONDS: Final = 1.0
# A new epoch is followed no later than this after it was noticed; a quiet log costs four questions a second.
_FOLLOW_BLOCK_MS: Final = 250
# Redis is a round trip away, and viewers are told that it was gone until it is found again.
_LONGEST_DELAY_SECONDS: Final = 1.0
# The heartbeat says that Redis is away within 5 s, so an attempt must not outlast that.
_STATUS_TIMEOUT_SECONDS: Final = 4.0

_log = get_logger(__name__)


class Following(NamedTuple):
    """One epoch's log and the deltas of it that are held. A new object means: what was known is void."""

    log: DeltaLog
    recent: RecentDeltas

    @property
    def newest(self) -> Cursor:
        return Cursor(self.log.epoch, self.recent.end)


class Follower:
    """`following` is None while there is no epoch. `poke` is called whenever something changed."""

    def __init__(self, serving: ServingCopy, max_bytes: int, poke: Callable[[], None]) -> None:
        self.following: Following | None = None
        self._serving = serving
        self._max_bytes = max_bytes
        self._poke = poke
        self._status: Status | None = None
        self._status_at = 0.0
        # The oldest position seen in Redis that we have not got to, and when it was seen.
        self._ahead: tuple[int, float] | None = None
        self._observing: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    def last_status(self) -> tuple[Status | None, int, int]:
        """What Redis said last, how many milliseconds ago, and for how many we have been behind what it has."""
        now = time.monotonic()
        return self._status, round((now - self._status_at) * 1000), round(self._behind_seconds(now) * 1000)

    async def run(self) -> None:
        """Runs until it is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_status(), name="watch_status")
                tasks.create_task(self._follow(), name="follow_delta_log")
        finally:
            if self._observing:
                self._observing.cancel()
                await asyncio.wait([self._observing])

    async def observe(self) -> None:
        """Ask Redis now. Callers at the same time share one question. Raises one of `UNREACHABLE`."""
        if self._observing is None or self._observing.done():
            self._observing = asyncio.create_task(self._observe())
            # Whoever asked may be gone when the answer is an error.
            self._observing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._observing)

    async def reaches(self, cursor: Cursor) -> bool:
        """Whether Redis has got to a cursor of the current epoch. Raises one of `UNREACHABLE`."""
        if not self._knows(cursor):
            await self.observe()
        return self._knows(cursor)

    def _knows(self, cursor: Cursor) -> bool:
        known = [self.following.newest] if self.following else []
        if self._status and self._status.cursor:
            known.append(self._status.cursor)
        return any(each.epoch == cursor.epoch and each.sequence >= cursor.sequence for each in known)

    async def _observe(self) -> None:
        async with asyncio.timeout(_STATUS_TIMEOUT_SECONDS):
            status = await self._serving.status()
        self._status, self._status_at = status, time.monotonic()
        epoch = status.cursor.epoch if status.cursor else None
        if epoch != (self.following.log.epoch if self.following else None):
            self._begin(status.cursor)
        if status.cursor and self.following:
            if self._ahead is None or self.following.recent.end >= self._ahead[0]:
                self._ahead = (status.cursor.sequence, self._status_at)
            metrics.FOLLOWER_LAG_DELTAS.set(max(status.cursor.sequence - self.following.recent.end, 0))
            metrics.RETAINED_BYTES.set(self.following.recent.held_bytes)
        self._poke()

    def _behind_seconds(self, now: float) -> float:
        if self.following is None or self._ahead is None or self.following.recent.end >= self._ahead[0]:
            return 0.0
        return now - self._ahead[1]

    def _begin(self, cursor: Cursor | None) -> None:
        """Follow anew from a cursor, or nothing."""
        self._ahead = None
        if cursor is None:
            self.following = None
            self._begun.clear()
            _log.warning("epoch_gone")
        else:
            log = DeltaLog(self._serving.redis, cursor.epoch)
            self.following = Following(log, RecentDeltas(cursor.sequence, self._max_bytes))
            self._begun.set()
            metrics.EPOCHS_FOLLOWED.inc()
            _log.info("epoch_followed", epoch=cursor.epoch, sequence=cursor.sequence)
        self._poke()

    async def _watch_status(self) -> None:
        await self._keep("observe_redis", self._watch_status_once)

    async def _watch_status_once(self) -> None:
        await self.observe()
        await asyncio.sleep(_STATUS_EVERY_SECONDS)

    async def _follow(self) -> None:
        await self._keep("follow_delta_log", self._follow_once)

    async def _follow_once(self) -> None:
        await self._begun.wait()
        following = self.following
        if following is None:
            return
        deltas = await following.log.follow(following.recent.end, _FOLLOW_BLOCK_MS)
        if following is not self.following:
            return
        for delta in deltas:
            if delta.sequence != following.recent.end + 1:
                # The log was trimmed below us: we were away for longer than it is kept.
                _log.warning("deltas_missed", held=following.recent.end, next=delta.sequence)
                self._begin(Cursor(following.log.epoch, delta.sequence - 1))
                return
            following.recent.append(delta)
        if deltas:
            self._poke()

    async def _keep(self, operation: str, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step for ever, with backoff while Redis is away."""
        waits = delays(longest=_LONGEST_DELAY_SECONDS)
        while True:
            try:
                await step()
                waits = delays(longest=_LONGEST_DELAY_SECONDS)
            except UNREACHABLE as error:
                delay = next(waits)
                RETRIES.labels(operation).inc()
                _log.warning("retry", operation=operation, error=describe(error), delay_s=round(delay, 3))
                await asyncio.sleep(delay)
