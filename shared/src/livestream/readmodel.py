"""One read of a view, exact at one cursor, whether its rows lie in Redis or in Postgres."""

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

from redis.exceptions import RedisError

from livestream.clients import POSTGRES_FAILURES
from livestream.cursor import Cursor
from livestream.frames import View, ViewKind, Window
from livestream.history import History, HistoryFilter, Positions
from livestream.serving import DeltaLog, NameKind, NoEpochError, ServingCopy, Stand

# How long Redis may take to catch up with what Postgres had already when it was read: normally a few milliseconds.
CATCH_UP_SECONDS: Final = 5.0
_FOLLOW_MS: Final = 250
# A removal while a window is being read makes it read anew; so many in a row do not happen but under a flood of them.
_ATTEMPTS: Final = 10

UNAVAILABLE: Final = (NoEpochError, RedisError, *POSTGRES_FAILURES)


class ViewRead(NamedTuple):
    """A window, the cursor at which it is exact, and Redis's time of the read in milliseconds since 1970 UTC."""

    window: Window
    cursor: Cursor
    as_of_ms: int


class _TrimmedError(Exception):
    """Deltas that the read needs went from the log meanwhile: a user was deleted, or the read took too long."""


class ReadModel:
    """Reads raise one of `UNAVAILABLE` where a view cannot be read now."""

    def __init__(self, serving: ServingCopy, history: History) -> None:
        self.serving = serving
        self.history = history

    async def read(self, view: View) -> ViewRead:
        """The view as it is now."""
        if not view.name:
            return await self._read_top(view)
        for _ in range(_ATTEMPTS):
            with suppress(_TrimmedError):
                read = await self._read_named(view)
                if not read.window.needs_refill:
                    return read
        raise TimeoutError(f"{view} changed while it was read, {_ATTEMPTS} times in a row")

    async def _read_top(self, view: View) -> ViewRead:
        messages, channels, users = view.limits
        windows = await self.serving.windows(messages=messages, channels=channels, users=users)
        stand = windows.stand
        window = Window(view, stand.cursor.sequence, stand.totals, windows.messages, windows.channels, windows.users)
        return ViewRead(window, stand.cursor, stand.now_ms)

    async def _read_named(self, view: View) -> ViewRead:
        """Postgres is ahead of the serving copy by what is being published: wait for that, and fold it in."""
        is_channel = view.kind is ViewKind.CHANNEL
        kind: NameKind = "channels" if is_channel else "users"
        stand, rows = await self.serving.names(kind, [view.name])
        wanted = HistoryFilter().narrowed_to(kind, view.name)
        positions, messages = await self.history.newest_at(stand.generation, wanted, view.limits.messages)
        held = [row for row in rows if row]
        window = Window(
            view, stand.cursor.sequence, stand.totals, messages, held if is_channel else (), () if is_channel else held
        )
        await self._catch_up(window, stand, positions)
        return ViewRead(window, Cursor(stand.cursor.epoch, window.sequence), stand.now_ms)

    async def _catch_up(self, window: Window, stand: Stand, target: Positions) -> None:
        log = DeltaLog(self.serving.redis, stand.cursor.epoch)
        reached = dict(stand.positions)
        async with asyncio.timeout(CATCH_UP_SECONDS):
            while not _covers(reached, target):
                for delta in await log.follow(window.sequence, _FOLLOW_MS):
                    if delta.sequence != window.sequence + 1:
                        raise _TrimmedError
                    window.apply(delta)
                    reached.update(delta.positions)
                    if _covers(reached, target):
                        break


def _covers(reached: Positions, target: Positions) -> bool:
    return all(
        reached.get(partition, (0, 0))[0] >= messages and reached.get(partition, (0, 0))[1] >= users
        for partition, (messages, users) in target.items()
    )
