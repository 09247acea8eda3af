"""Filling the serving copy: a new epoch from one consistent read of Postgres, staged, then switched to."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg

from livestream.cursor import new_epoch
from livestream.deltas import NameRow, RemovedName, UserShare
from livestream.history import HistoryFilter, newest_first
from livestream.logs import get_logger
from livestream.serving import KEPT_MESSAGES, ServingCopy, StagedKind, Status
from livestream_projector import metrics
from livestream_projector.outbox import LOADER_LOCK

# A chunk blocks Redis for a few milliseconds.
_CHUNK_ROWS = 1_000

_CHANNELS = """
SELECT channel, display_name, messages, last_ms FROM channels WHERE generation = $1 AND messages > 0
"""
_SHARES = """
SELECT partition, username, messages, last_ms, display_name, display_ts_ms, display_channel, display_offset
FROM partition_users WHERE generation = $1 AND (messages > 0 OR display_name <> '') ORDER BY username, partition
"""
_ENDED = """
SELECT username, max(deleted_ms) FROM partition_users
WHERE generation = $1 AND deleted_ms > -4611686018427387904 GROUP BY username
"""
_POSITIONS = """
SELECT partition, messages_offset, users_offset, messages, channels, recounts, recounting FROM partitions
WHERE generation = $1 ORDER BY partition
"""
_STAGED: Final[tuple[tuple[StagedKind, str, type[NameRow | RemovedName | UserShare]], ...]] = (
    ("channels", _CHANNELS, NameRow),
    ("ended", _ENDED, RemovedName),
    ("shares", _SHARES, UserShare),
)

_log = get_logger(__name__)


class Loader:
    """Methods raise asyncpg's and redis' errors, OSError or TimeoutError; an epoch that was not switched to expires."""

    def __init__(self, pool: asyncpg.Pool, serving: ServingCopy, generation: int) -> None:
        self._pool = pool
        self._serving = serving
        self._generation = generation

    async def load(self, *, replace: bool) -> bool:
        """Load a new epoch: one process at a time, and only where there is none, unless it is to be replaced.

        False where another process came first: what it loaded may be older than this call.
        """
        asked = _epoch(await self._serving.status())
        async with self._pool.acquire() as guard, guard.transaction():
            await guard.execute("SELECT pg_advisory_xact_lock($1)", LOADER_LOCK)
            held = _epoch(await self._serving.status())
            if held and (not replace or held != asked):
                return False
            async with self._pool.acquire() as connection:
                return await self._fill(connection, guard, held)

    async def _fill(self, connection: Any, guard: Any, held: str) -> bool:
        """Stage and switch; false where that came to nothing.

        `guard` holds the lock in a transaction, which has to show that it is alive.
        """
        epoch, generation = new_epoch(), self._generation
        _log.info("epoch_loading", epoch=epoch, generation=generation)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            positions = [tuple(row) for row in await connection.fetch(_POSITIONS, generation)]
            staged = await self._stage(connection, guard, epoch)
        if await self._serving.switch(epoch, generation, len(positions), positions, replaces=held, staged=staged):
            metrics.EPOCHS_LOADED.inc()
            _log.info("epoch_loaded", epoch=epoch, messages=sum(position[3] for position in positions))
            return True
        _log.warning("epoch_dropped", epoch=epoch)
        return False

    async def _stage(self, connection: Any, guard: Any, epoch: str) -> int:
        """Returns the number of calls that it took."""
        messages = await newest_first(connection, self._generation, HistoryFilter(), KEPT_MESSAGES)
        await self._serving.stage(epoch, "messages", messages)
        staged = 1
        for kind, query, row_type in _STAGED:
            async for chunk in _chunks(connection, query, self._generation):
                await self._serving.stage(epoch, kind, [row_type(*row) for row in chunk])
                await guard.execute("SELECT 1")
                staged += 1
        return staged


def _epoch(status: Status) -> str:
    return status.cursor.epoch if status.cursor else ""


async def _chunks(connection: Any, query: str, generation: int) -> AsyncIterator[list[Any]]:
    chunk: list[Any] = []
    async for row in connection.cursor(query, generation, prefetch=_CHUNK_ROWS):
        chunk.append(row)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
