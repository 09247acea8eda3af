"""The durable read model in Postgres: reads what records touch, folds them, commits the outcome."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import msgspec

from livestream.deltas import encode_batch
from livestream.events import ChannelDeleted
from livestream.fold import (
    Changes,
    DeadLetter,
    PartitionState,
    Prior,
    Record,
    UserDeletion,
    advance_users,
    deletion_time_ms,
    fold_channel_deletion,
    fold_messages,
    fold_recount,
    fold_user_deletion,
    own_rows,
    touched_by,
)
from livestream_projector import failpoints, metrics
from livestream_projector.deletion_prior import (
    RECOUNTED_AT_ONCE,
    load_channel_deletion,
    load_channel_recount,
    load_user_deletion,
)
from livestream_projector.failpoints import Failpoint
from livestream_projector.generation import GenerationState
from livestream_projector.prior import load_partitions, load_prior
from livestream_projector.writes import FencedError, Prepared, write

BeforeCommit = Callable[[Sequence[DeadLetter]], Awaitable[None]]


class Committed(msgspec.Struct, frozen=True):
    """A batch that is in Postgres: where its partitions stand now, and its outbox row's id and bytes, if it has one.

    `traces`: what publishing it has as its parents (`livestream.tracing`).
    """

    partitions: dict[int, PartitionState]
    outbox: tuple[int, bytes] | None
    traces: tuple[bytes, ...] = ()


class PassedRecord(msgspec.Struct, frozen=True):
    """A record of `users.v1` that is not a deletion: it became a dead letter. `checksum` is as in `livestream.fold`."""

    offset: int
    checksum: int


class Store:
    """Folds into one generation, as long as it is in `state` and the retention has changed no more than so often.

    `repeats`: see `livestream.fold.Prior`.
    `bury` gets the dead letters before each commit, so that a crash loses none. `recounted_at_once` is how many users'
    counts follow a channel's deletion in one transaction.

    Methods raise FencedError where another process owns a partition, RetiredError where the generation has left its
    state, and asyncpg's errors, OSError or TimeoutError where Postgres fails; then nothing was committed, and in the
    last case the same call can be made again.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        generation: int,
        bury: BeforeCommit,
        state: GenerationState = GenerationState.LIVE,
        retention_changes: int = 0,
        repeats: frozenset[tuple[int, int]] = frozenset(),
        recounted_at_once: int = RECOUNTED_AT_ONCE,
    ) -> None:
        self._pool = pool
        self.generation = generation
        self._state = state
        self._bury = bury
        self._retention_changes = retention_changes
        self._repeats = repeats
        self._recounted_at_once = recounted_at_once

    async def positions(self, partitions: Sequence[int]) -> dict[int, PartitionState]:
        """Where the fold of each partition stands."""
        async with self._pool.acquire() as connection:
            return await load_partitions(connection, self.generation, partitions)

    async def fold(self, records: Sequence[Record], expected: dict[int, PartitionState]) -> Committed:
        """Fold one run of `livestream.fold.split`. `expected`: where this process believes its partitions stand."""
        return await self.commit(await self.prepare(records, expected))

    async def prepare(
        self, records: Sequence[Record], expected: dict[int, PartitionState], behind: Changes | None = None
    ) -> Prepared:
        """The same without the commit.

        `behind`: a batch that these records come after, and that may not be committed yet. It has to be `is_final`, and
        neither of the two the deletion of a channel.
        """
        async with self._pool.acquire() as connection:
            started = time.perf_counter()
            known = behind.prior if behind else Prior({})
            wanted = {record.partition for record in records}
            partitions = own_rows(known.partitions, wanted)
            partitions |= await self._expected(connection, wanted - partitions.keys(), expected)
            event = records[0].event
            if isinstance(event, ChannelDeleted):
                deleted_ms = deletion_time_ms(event, records[0].append_ms)
                prior, survivors, reached = await load_channel_deletion(
                    connection, self.generation, event.channel, deleted_ms, partitions, self._recounted_at_once
                )
                loaded = time.perf_counter()
                changes = fold_channel_deletion(records[0], event, prior, survivors, reached)
            else:
                prior = await load_prior(connection, self.generation, touched_by(records), partitions, known)
                prior.repeats = self._repeats
                loaded = time.perf_counter()
                changes = fold_messages(records, prior)
            metrics.BATCH_SECONDS.labels("load").observe(loaded - started)
            is_published = changes.is_final and self._state is GenerationState.LIVE
            prepared = Prepared(changes, encode_batch(changes.batch()) if is_published else None)
            metrics.BATCH_SECONDS.labels("fold").observe(time.perf_counter() - loaded)
            return prepared

    async def commit(self, prepared: Prepared, on_sent: Callable[[], None] | None = None) -> Committed:
        """Write what was prepared, if everything stands where it was folded from.

        `on_sent` is called when most of it is on its way, and Postgres has work for a while.
        """
        async with self._pool.acquire() as connection:
            return await self._commit(connection, prepared, on_sent)

    async def fold_user_deletion(
        self, partition: int, deletion: UserDeletion, expected: dict[int, PartitionState]
    ) -> Committed:
        """Apply one record of `users.v1` to one partition."""
        async with self._pool.acquire() as connection:
            partitions = await self._expected(connection, {partition}, expected)
            prior, survivors = await load_user_deletion(
                connection, self.generation, deletion.user, deletion.deleted_ms, partitions
            )
            changes = fold_user_deletion(partition, deletion, prior, survivors)
            return await self._commit(connection, Prepared(changes))

    async def recount(self, partition: int, expected: dict[int, PartitionState]) -> Committed:
        """Let the next users' counts follow the deletion of a channel, in a partition that is `recounting`."""
        async with self._pool.acquire() as connection:
            partitions = await self._expected(connection, {partition}, expected)
            step = await load_channel_recount(connection, self.generation, partitions, self._recounted_at_once)
            if step is None:
                raise FencedError(f"the counts of partition {partition} have followed meanwhile")
            changes = fold_recount(partition, step.channel, step.prior, step.reached)
            metrics.RECOUNTED_PAIRS.inc(len(changes.pairs))
            return await self._commit(connection, Prepared(changes))

    async def pass_by_user_record(
        self, partition: int, record: PassedRecord, expected: dict[int, PartitionState]
    ) -> Committed:
        """Move one partition past a record of `users.v1` that is not a deletion."""
        async with self._pool.acquire() as connection:
            partitions = await self._expected(connection, {partition}, expected)
            changes = Changes(Prior(partitions))
            advance_users(changes.prior, partition, record.offset, record.checksum)
            return await self._commit(connection, Prepared(changes))

    async def _expected(
        self, connection: Any, wanted: set[int], expected: dict[int, PartitionState]
    ) -> dict[int, PartitionState]:
        """The partitions' rows, if they are where this process left them."""
        if not wanted:
            return {}
        found = await load_partitions(connection, self.generation, wanted)
        for partition in wanted:
            state, believed = found.get(partition), expected.get(partition)
            if state is None or believed is None or state.position != believed.position:
                raise FencedError(f"partition {partition} does not stand where this process left it")
        return found

    async def _commit(
        self, connection: Any, prepared: Prepared, on_sent: Callable[[], None] | None = None
    ) -> Committed:
        changes = prepared.changes
        await self._bury(changes.dead_letters)
        started = time.perf_counter()
        outbox = await write(connection, self.generation, self._state, self._retention_changes, prepared, on_sent)
        failpoints.reach(Failpoint.AFTER_COMMIT)
        metrics.BATCH_SECONDS.labels("commit").observe(time.perf_counter() - started)
        metrics.BATCHES.inc()
        for outcome, count in changes.outcomes.items():
            metrics.RECORDS.labels(outcome).inc(count)
        for letter in changes.dead_letters:
            metrics.DEAD_LETTERS.labels(letter.rejected.reason).inc()
        return Committed(changes.prior.partitions, outbox)
