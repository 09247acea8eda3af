"""RETENTION_DAYS as Postgres knows it: its changes are kept, since an event is judged by what held when it arrived."""

from typing import Any, Final

import asyncpg

from livestream.fold import NEVER_MS
from livestream.logs import get_logger
from livestream.retention import DAY_MS, Retention, RetentionChange
from livestream.times import now_ms

# The first time, all the history there is gets an index; what folds meanwhile waits.
_INDEX_SECONDS: Final = 3600.0

_log = get_logger(__name__)


async def load_retention(pool: asyncpg.Pool) -> Retention:
    """All changes so far. Raises asyncpg's errors."""
    async with pool.acquire() as connection:
        return await _load(connection)


async def settle_retention(pool: asyncpg.Pool, retention_days: int | None) -> None:
    """Let `retention_days` hold from now on, if something else did. Raises asyncpg's errors.

    Nothing that arrives from then on has been folded yet: batches under way are waited for, and those after them are
    refused to whoever does not know of the change.
    """
    keep_ms = None if retention_days is None else retention_days * DAY_MS
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM generations ORDER BY generation FOR UPDATE")
        before = await _load(connection)
        if before.keep_ms == keep_ms:
            return
        folded_ms = await connection.fetchval("SELECT coalesce(max(last_append_ms), $1) FROM partitions", NEVER_MS)
        since_ms = NEVER_MS if folded_ms == NEVER_MS else max(now_ms(), folded_ms + 1)
        if before.since_ms is not None:  # what another clock called now may lie ahead of ours: the last change holds
            since_ms = max(since_ms, before.since_ms + 1)
        await connection.execute("INSERT INTO retention (since_ms, keep_ms) VALUES ($1, $2)", since_ms, keep_ms)
        await connection.execute("UPDATE generations SET retention_changes = (SELECT count(*) FROM retention)")
        # Nobody looks for rows in the order in which they are dropped while they are kept forever.
        await connection.execute("SELECT index_for_drop(generation) FROM generations", timeout=_INDEX_SECONDS)
    _log.info("retention_changed", days=retention_days)


async def _load(connection: Any) -> Retention:
    return Retention(RetentionChange(*row) for row in await connection.fetch("SELECT since_ms, keep_ms FROM retention"))
