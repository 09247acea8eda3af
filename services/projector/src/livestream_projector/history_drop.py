"""Dropping history that retention does not keep: rows go, what they count stays in the baseline of their partition.

A baseline holds what the messages before its offset count. A rebuild and a verification begin there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg

from livestream.clients import POSTGRES_FAILURES
from livestream.fold import NEVER_MS
from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import keep_doing
from livestream_projector import metrics
from livestream_projector.between_batches import BetweenBatches
from livestream_projector.generation import GenerationState
from livestream_projector.writes import hold_generation

# The partition's fold waits for one chunk at most: some tens of milliseconds.
_CHUNK_ROWS: Final = 2_000
# History goes in steps of hours; this only has to be short against those.
_INTERVAL_SECONDS: Final = 20.0

_DROP: Final = """
WITH gone AS (
    DELETE FROM {leaf} m USING (
        SELECT ctid FROM {leaf} WHERE partition = $2 AND kept_ms >= $3 AND kept_ms < $4
        ORDER BY kept_ms, log_offset LIMIT $5 FOR UPDATE) AS oldest
    WHERE m.ctid = oldest.ctid
    RETURNING channel, username, ts_ms, append_ms, log_offset, posted, visible, kept_ms
), counted AS (
    SELECT gone.channel, gone.username, count(*) AS messages, max(gone.ts_ms) AS last_ms
    FROM gone
    LEFT JOIN channels c ON c.generation = $1 AND c.channel = gone.channel
    LEFT JOIN partition_users u ON u.generation = $1 AND u.username = gone.username AND u.partition = $2
    WHERE gone.visible
      AND least(gone.ts_ms, gone.append_ms) > greatest(c.deleted_ms, u.deleted_ms)  -- greatest() passes NULLs by
    GROUP BY gone.channel, gone.username
), added AS (
    UPDATE pairs p
    SET dropped = p.dropped + counted.messages, dropped_last_ms = greatest(p.dropped_last_ms, counted.last_ms)
    FROM counted
    WHERE p.generation = $1 AND p.channel = counted.channel AND p.username = counted.username
), moved AS (
    UPDATE partitions SET drops = drops + 1, worn = worn OR EXISTS (SELECT FROM counted), baseline_offset = greatest(
        baseline_offset, (SELECT max(log_offset) + 1 FROM gone WHERE posted))
    WHERE generation = $1 AND partition = $2 AND EXISTS (SELECT FROM gone)
)
SELECT count(*), max(kept_ms) FROM gone
"""
_DROPPED: Final = "UPDATE partitions SET dropped_before_ms = $3 WHERE generation = $1 AND partition = $2"
_FORGET_REPEATS: Final = """
DELETE FROM repeats r USING partitions p
WHERE p.generation = $1 AND p.partition = $2
  AND r.generation = $1 AND r.partition = $2 AND r.log_offset < p.baseline_offset
"""
_WORN: Final = "SELECT partition, drops FROM partitions WHERE generation = $1 AND partition = ANY($2::int[]) AND worn"
# Where more was dropped meanwhile, the epoch that was loaded may miss that.
_RENEWED: Final = """
UPDATE partitions p SET worn = false FROM unnest($2::int[], $3::bigint[]) AS n(partition, drops)
WHERE p.generation = $1 AND p.partition = n.partition AND p.drops = n.drops
"""

_log = get_logger(__name__)


class _Chunk(NamedTuple):
    """`come_to_ms` is where the partition's order of dropping has come to, None where there was no row."""

    rows: int
    come_to_ms: int | None


class HistoryDropper:
    """`folded_up_to`: partition → a time in ms before which nothing was appended that is not folded.

    `renew_epoch` returns when clients are served an epoch that was loaded after it was called: what they held may have
    gone. That it has to be done is kept in Postgres, for whoever drops here next.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        generation: int,
        retention: Retention,
        folded_up_to: Callable[[], Mapping[int, int]],
        between_batches: BetweenBatches,
        renew_epoch: Callable[[], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._generation = generation
        self._retention = retention
        self._folded_up_to = folded_up_to
        self._between_batches = between_batches
        self._renew_epoch = renew_epoch
        self._dropped_before: dict[int, int] = {}

    async def run(self) -> None:
        """Drop until cancelled. Raises RetiredError."""
        if self._retention.ever_set:
            await keep_doing("drop_history", self._drop_and_rest, POSTGRES_FAILURES)

    async def _drop_and_rest(self) -> float:
        await self.drop()
        return _INTERVAL_SECONDS

    async def drop(self) -> None:
        """Drop what can go now of the partitions that this process folds."""
        folded_up_to = self._folded_up_to()
        for partition, folded_up_to_ms in folded_up_to.items():
            before_ms = self._retention.drop_before_ms(folded_up_to_ms)
            if before_ms is not None and before_ms != self._dropped_before.get(partition):
                await self._drop_partition(partition, before_ms)
                self._dropped_before[partition] = before_ms
        await self._renew_worn(list(folded_up_to))

    async def _renew_worn(self, partitions: list[int]) -> None:
        async with self._pool.acquire() as connection:
            worn = await connection.fetch(_WORN, self._generation, partitions)
        if not worn:
            return
        await self._renew_epoch()
        async with self._pool.acquire() as connection:
            await connection.execute(_RENEWED, self._generation, [row[0] for row in worn], [row[1] for row in worn])

    async def _drop_partition(self, partition: int, before_ms: int) -> None:
        rows, from_ms = 0, NEVER_MS
        while True:
            chunk = await self._drop_chunk(partition, from_ms, before_ms)
            rows += chunk.rows
            if chunk.come_to_ms is not None:
                from_ms = chunk.come_to_ms
            elif from_ms == NEVER_MS:
                break
            else:
                from_ms = NEVER_MS  # once more from the start: a row that was just being erased was passed by
        async with self._holding(partition) as connection:
            await connection.execute(_DROPPED, self._generation, partition, before_ms)
            await connection.execute(_FORGET_REPEATS, self._generation, partition)
        if rows:
            metrics.DROPPED_ROWS.inc(rows)
            _log.info("history_dropped", partition=partition, rows=rows, before_ms=before_ms)

    async def _drop_chunk(self, partition: int, from_ms: int, before_ms: int) -> _Chunk:
        """Looks from `from_ms` on: what went before stays in the way for as long as anybody reads an older snapshot."""
        statement = _DROP.format(leaf=f"messages_{self._generation:d}")
        async with self._holding(partition) as connection:
            return _Chunk(
                *await connection.fetchrow(statement, self._generation, partition, from_ms, before_ms, _CHUNK_ROWS)
            )

    @asynccontextmanager
    async def _holding(self, partition: int) -> AsyncIterator[Any]:
        """A transaction between batches of the partition's fold, whoever folds it."""
        # A batch under way has read rows that would go: another process's is fenced, our own is not even begun.
        async with self._between_batches, self._pool.acquire() as connection, connection.transaction():
            await hold_generation(connection, self._generation, GenerationState.LIVE, len(self._retention))
            await connection.execute(
                "SELECT FROM partitions WHERE generation = $1 AND partition = $2 FOR UPDATE",
                self._generation,
                partition,
            )
            yield connection
