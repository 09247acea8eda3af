"""Filling the serving copy: a new epoch from one consistent read of Postgres, staged, then switched to."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from livestream.cursor import new_epoch
from livestream.deltas import NameRow, RemovedName, UserShare
from livestream.history import HistoryFilter, newest_first
from livestream.logs import get_logger
from livestream.serving import KEPT_MESSAGES, ServingCopy
from livestream_projector import metrics
from livestream_projector.outbox import LOADER_LOCK

# A chunk blocks Redis for a few milliseconds.
_CHUNK_ROWS = 1_000
# A load reads everything once: far longer than any other statement, and still not forever.
_LOCK_TIMEOUT_SECONDS = 600.0

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
SELECT partition, messages_offset, users_offset, messages, channels FROM partitions
WHERE generation = $1 ORDER BY partition
"""

_log = get_logger(__name__)


class Loader:
    """Methods raise asyncpg's and redis' errors, OSError or TimeoutError; an epoch that was not switched to expires."""

    def __init__(self, pool: asyncpg.Pool, serving: ServingCopy, generation: int) -> None:
        self._pool = pool
        self._serving = serving
        self._generation = generation

    async def load(self, *, replace: bool) -> None:
        """Load a new epoch: one process at a time, and only where there is none, unless it is to be replaced."""
        async with self._pool.acquire() as connection:
            before = await self._serving.status()
            await connection.execute("SELECT pg_advisory_lock($1)", LOADER_LOCK, timeout=_LOCK_TIMEOUT_SECONDS)
            try:
                now = await self._serving.status()
                if now.cursor is not None and (not replace or now.cursor.epoch != (before.cursor or now.cursor).epoch):
                    return
                await self._fill(connection)
            finally:
                await connection.execute("SELECT pg_advisory_unlock($1)", LOADER_LOCK)

    async def _fill(self, connection: Any) -> None:
        epoch, generation = new_epoch(), self._generation
        _log.info("epoch_loading", epoch=epoch, generation=generation)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            positions = [tuple(row) for row in await connection.fetch(_POSITIONS, generation)]
            messages = await newest_first(connection, generation, HistoryFilter(), KEPT_MESSAGES, None)
            await self._serving.stage(epoch, "messages", messages)
            async for chunk in _chunks(connection, _CHANNELS, generation):
                await self._serving.stage(epoch, "channels", [NameRow(*row) for row in chunk])
            async for chunk in _chunks(connection, _ENDED, generation):
                await self._serving.stage(epoch, "ended", [RemovedName(*row) for row in chunk])
            async for chunk in _chunks(connection, _SHARES, generation):
                await self._serving.stage(epoch, "shares", [UserShare(*row) for row in chunk])
        await self._serving.switch(epoch, generation, len(positions), positions)
        metrics.EPOCHS_LOADED.inc()
        _log.info("epoch_loaded", epoch=epoch, messages=sum(position[3] for position in positions))


async def _chunks(connection: Any, query: str, generation: int) -> AsyncIterator[list[Any]]:
    chunk: list[Any] = []
    async for row in connection.cursor(query, generation, prefetch=_CHUNK_ROWS):
        chunk.append(row)
        if len(chunk) == _CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
