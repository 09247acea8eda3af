"""The projector: polls the log, folds what came, commits it, hands it to the publisher."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from livestream.clients import POSTGRES_FAILURES
from livestream.events import MESSAGES_TOPIC
from livestream.fold import PartitionState, Record, UserDeletion, split
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import RETRIES, delays, describe, until_it_works
from livestream_projector import failpoints, metrics
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.decode import read_message
from livestream_projector.failpoints import Failpoint
from livestream_projector.publisher import Publisher
from livestream_projector.store import Committed, PassedRecord, Store
from livestream_projector.users_log import UsersLog
from livestream_projector.writes import FencedError

_POLL_MS: Final = 100
# Texts are at most 16 KiB, but a batch of only such ones would be a hundred times the usual: cut by size as well.
_BATCH_BYTES: Final = 8 * 1024 * 1024

# Each step is one frame with thousands of rows for who watches users: this seldom, even if the server could do more.
_RECOUNT_EVERY_SECONDS: Final = 1.0

_FAILURES: Final = (*POSTGRES_FAILURES, KafkaError)

_log = get_logger(__name__)


class Projector:
    """Owns some partitions for a while. `states` says where each stands; only committed batches move it.

    `check_log` raises where the log does not continue a partition's fold. It returns at which offset each goes on:
    behind the last record that was folded, and what is known to be no record.
    """

    def __init__(
        self,
        store: Store,
        users: UsersLog,
        office: DeadLetterOffice,
        publisher: Publisher,
        check_log: Callable[[dict[int, PartitionState]], Awaitable[Mapping[int, int]]],
        retention: Retention,
        partitions: int,
        batch_records: int,
        batch_interval_ms: int,
    ) -> None:
        self._store = store
        self._users = users
        self._office = office
        self._publisher = publisher
        self._check_log = check_log
        self._retention = retention
        self._partitions = partitions
        self._batch_records = batch_records
        self._batch_interval_s = batch_interval_ms / 1000
        self.states: dict[int, PartitionState] = {}
        self.oldest_pending_ms: dict[int, int] = {}
        self.was_assigned = False
        # What changes rows beside the fold does so while no batch is under way.
        self.between_batches = asyncio.Lock()
        # Counts how often positions were set anew: what was polled before that must not be folded after it.
        self._positioned = 0
        self._next_recount = 0.0

    async def take(self, partitions: list[int]) -> dict[int, int]:
        """Begin with partitions that were assigned; returns the next offset of each."""
        states = await until_it_works("take_partitions", lambda: self._store.positions(partitions), POSTGRES_FAILURES)
        offsets = await until_it_works("check_log", lambda: self._check_log(states), (KafkaError,))
        self._position(states)
        self.was_assigned = True
        return {partition: offsets[partition] for partition in states}

    def drop(self) -> None:
        """Forget partitions that were revoked; what is under way for them is fenced by its transaction."""
        self._position({})

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Fold until cancelled. Raises what cannot be mended by trying again."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            originals = await self._poll(consumer)
            if originals:
                failpoints.reach(Failpoint.FETCHED)
                await self._fold_all(consumer, originals)
            await self._apply_user_deletions(consumer)
            await self._recount(consumer)
            if originals:
                await asyncio.sleep(max(0.0, started + self._batch_interval_s - loop.time()))

    async def _poll(self, consumer: AIOKafkaConsumer) -> list[Any]:
        try:
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._batch_records)
        except NoOffsetForPartitionError:
            # aiokafka looks for a position as soon as a partition is assigned; ours comes from Postgres a moment later.
            return []
        except OffsetOutOfRangeError as error:
            await self._find_position(consumer, error)
            return []
        if not self.states:
            return []  # the same, where it found the group's offset: the assignment goes back to ours
        return [record for records in polled.values() for record in records]

    async def _find_position(self, consumer: AIOKafkaConsumer, error: OffsetOutOfRangeError) -> None:
        """The log has nothing at a position: it was cut below us, or the position was the group's and not ours yet."""
        positioned, states = self._positioned, self.states
        if not states:
            return
        RETRIES.labels("poll").inc()
        _log.warning("offset_out_of_range", error=describe(error))
        offsets = await until_it_works("check_log", lambda: self._check_log(states), (KafkaError,))
        if self._positioned == positioned:
            self._seek(consumer, offsets)

    async def _fold_all(self, consumer: AIOKafkaConsumer, originals: Sequence[Any]) -> None:
        positioned = self._positioned
        for record in originals:
            self.oldest_pending_ms.setdefault(record.partition, record.timestamp)
        for chunk in _by_size(originals):
            records = [read_message(record, self._partitions, self._retention) for record in chunk]
            self._office.hold(chunk)
            for run in split(records):
                if self._positioned != positioned:
                    return
                await self._commit_run(consumer, run)
        self.oldest_pending_ms.clear()

    async def _commit_run(self, consumer: AIOKafkaConsumer, run: Sequence[Record]) -> None:
        await self._commit(consumer, "fold", lambda: self._store.fold(run, self.states))

    async def _apply_user_deletions(self, consumer: AIOKafkaConsumer) -> None:
        positioned = self._positioned
        for partition in list(self.states):
            for record in self._users.behind(self.states[partition].users_offset):
                await self._commit_user_record(consumer, partition, record)
                if self._positioned != positioned:
                    return

    async def _commit_user_record(
        self, consumer: AIOKafkaConsumer, partition: int, record: UserDeletion | PassedRecord
    ) -> None:
        def attempt() -> Awaitable[Committed]:
            if isinstance(record, PassedRecord):
                return self._store.pass_by_user_record(partition, record, self.states)
            return self._store.fold_user_deletion(partition, record, self.states)

        await self._commit(consumer, "fold_user_deletion", attempt)

    async def _commit(
        self, consumer: AIOKafkaConsumer, operation: str, attempt: Callable[[], Awaitable[Committed]]
    ) -> None:
        """Fold and commit, again and again while a server is away. Where it is fenced, everything starts anew."""
        positioned, waits = self._positioned, delays()
        while self._positioned == positioned:
            try:
                async with self.between_batches:
                    if self._positioned == positioned:
                        self._committed(await attempt(), positioned)
            except FencedError as error:
                await self._start_anew(consumer, error)
            except _FAILURES as error:
                await self._back_off(operation, error, waits)
            else:
                return

    async def _recount(self, consumer: AIOKafkaConsumer) -> None:
        """Now and then, let some users' counts follow the deletion of a big channel."""
        now = asyncio.get_running_loop().time()
        waiting = [partition for partition, state in self.states.items() if state.recounting]
        if waiting and now >= self._next_recount:
            self._next_recount = now + _RECOUNT_EVERY_SECONDS
            await self._commit(consumer, "recount", lambda: self._store.recount(waiting[0], self.states))

    def _committed(self, committed: Committed, positioned: int) -> None:
        """Take note of a batch that is in.

        Positions that were set anew meanwhile may have been read before that, and the consumer goes on from them: so
        must `states`. What is read again then is fenced, and starts anew.
        """
        if self._positioned == positioned:
            self.states.update(committed.partitions)
        if committed.outbox:
            self._publisher.enqueue(*committed.outbox)

    async def _start_anew(self, consumer: AIOKafkaConsumer, error: FencedError) -> None:
        """Go back to where Postgres says that our partitions stand: as after an assignment."""
        metrics.FENCED.inc()
        _log.warning("fenced", partitions=sorted(self.states), error=str(error))
        positioned, owned = self._positioned, list(self.states)
        found = await until_it_works("take_partitions", lambda: self._store.positions(owned), POSTGRES_FAILURES)
        if self._positioned != positioned:
            return  # an assignment came meanwhile, and has read where its partitions stand
        still_ours = {tp.partition for tp in consumer.assignment()}
        self._position({partition: state for partition, state in found.items() if partition in still_ours})
        self._seek(consumer, {partition: state.messages_offset for partition, state in self.states.items()})

    def _seek(self, consumer: AIOKafkaConsumer, offsets: Mapping[int, int]) -> None:
        for partition in self.states:
            topic_partition = TopicPartition(MESSAGES_TOPIC, partition)
            if topic_partition in consumer.assignment():
                consumer.seek(topic_partition, offsets[partition])

    def _position(self, states: dict[int, PartitionState]) -> None:
        self.states = states
        self.oldest_pending_ms = {}
        self._positioned += 1

    async def _back_off(self, operation: str, error: Exception, waits: Iterator[float]) -> None:
        delay = next(waits)
        RETRIES.labels(operation).inc()
        _log.warning("retry", operation=operation, error=describe(error), delay_s=round(delay, 3))
        await asyncio.sleep(delay)


def _by_size(originals: Sequence[Any]) -> list[list[Any]]:
    """Records in the order of the log, in chunks of bounded size."""
    chunks: list[list[Any]] = [[]]
    size = 0
    for record in originals:
        record_bytes = len(record.value or b"")
        if chunks[-1] and size + record_bytes > _BATCH_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(record)
        size += record_bytes
    return chunks
