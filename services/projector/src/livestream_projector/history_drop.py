"""Dropping history that retention does not keep: rows go, what they count stays in the baseline of their partition.

A baseline holds what the messages before its offset count. A rebuild and a verification begin there.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import asyncpg

from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import RETRIES, delays, describe
from livestream_projector import metrics
from livestream_projector.generation import GenerationState
from livestream_projector.writes import hold_generation

# The partition's fold waits for one chunk at most: some tens of milliseconds.
_CHUNK_ROWS: Final = 2_000
# History goes in steps of hours; this only has to be short against those.
_INTERVAL_SECONDS: Final = 20.0

_DROP: Final = """
WITH gone AS (
    DELETE FROM {leaf} m USING (
        SELECT ctid FROM {leaf} WHERE partition = $2 AND kept_ms < $3
        ORDER BY kept_ms, log_offset LIMIT $4 FOR UPDATE) AS oldest
    WHERE m.ctid = oldest.ctid
    RETURNING channel, username, ts_ms, append_ms, log_offset, posted, visible
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
    UPDATE partitions SET drops = drops + 1, baseline_offset = greatest(
        baseline_offset, (SELECT max(log_offset) + 1 FROM gone WHERE posted))
    WHERE generation = $1 AND partition = $2
)
SELECT (SELECT count(*) FROM gone), (SELECT coalesce(sum(messages), 0) FROM counted)::bigint
"""
_FORGET_REPEATS: Final = """
DELETE FROM repeats r USING partitions p
WHERE p.generation = $1 AND p.partition = $2
  AND r.generation = $1 AND r.partition = $2 AND r.log_offset < p.baseline_offset
"""

_log = get_logger(__name__)


class HistoryDropper:
    """`folded_up_to`: partition → a time in ms before which nothing was appended that is not folded.

    `begin_epoch` is called when what clients hold may have gone: they start anew.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        generation: int,
        retention: Retention,
        folded_up_to: Callable[[], Mapping[int, int]],
        between_batches: asyncio.Lock,
        begin_epoch: Callable[[], None],
    ) -> None:
        self._pool = pool
        self._generation = generation
        self._retention = retention
        self._folded_up_to = folded_up_to
        self._between_batches = between_batches
        self._begin_epoch = begin_epoch
        self._dropped_before: dict[int, int] = {}

    async def run(self) -> None:
        """Drop until cancelled. Raises RetiredError."""
        waits = delays()
        while self._retention.keep_ms is not None:
            try:
                await self.drop()
                waits = delays()
                await asyncio.sleep(_INTERVAL_SECONDS)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                RETRIES.labels("drop_history").inc()
                _log.warning("drop_history_failed", error=describe(error))
                await asyncio.sleep(next(waits))

    async def drop(self) -> None:
        """Drop what can go now of the partitions that this process folds."""
        dropped = 0
        for partition, folded_up_to_ms in self._folded_up_to().items():
            before_ms = self._retention.drop_before_ms(folded_up_to_ms)
            if before_ms is not None and before_ms != self._dropped_before.get(partition):
                dropped += await self._drop_partition(partition, before_ms)
                self._dropped_before[partition] = before_ms
        if dropped:
            self._begin_epoch()

    async def _drop_partition(self, partition: int, before_ms: int) -> int:
        """Returns how many messages went that were shown."""
        rows = shown = 0
        while (chunk := await self._drop_chunk(partition, before_ms))[0]:
            rows, shown = rows + chunk[0], shown + chunk[1]
        if rows:
            metrics.DROPPED_ROWS.inc(rows)
            _log.info("history_dropped", partition=partition, rows=rows, before_ms=before_ms)
        return shown

    async def _drop_chunk(self, partition: int, before_ms: int) -> tuple[int, int]:
        # A batch under way has read rows that would go: another process's is fenced, our own is not even begun.
        async with self._between_batches, self._pool.acquire() as connection, connection.transaction():
            await hold_generation(connection, self._generation, GenerationState.LIVE, len(self._retention))
            await connection.execute(
                "SELECT FROM partitions WHERE generation = $1 AND partition = $2 FOR UPDATE",
                self._generation,
                partition,
            )
            arguments = (self._generation, partition)
            statement = _DROP.format(leaf=f"messages_{self._generation:d}")
            gone: Any = await connection.fetchrow(statement, *arguments, before_ms, _CHUNK_ROWS)
            if not gone[0]:
                await connection.execute(
                    "UPDATE partitions SET dropped_before_ms = $3 WHERE generation = $1 AND partition = $2",
                    *arguments, before_ms,
                )  # fmt: skip
                await connection.execute(_FORGET_REPEATS, *arguments)
            return gone[0], gone[1]
