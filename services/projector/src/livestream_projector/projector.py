"""The projector: polls the log, folds what came, commits it, hands it to the publisher."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from opentelemetry.trace import SpanKind

from livestream.clients import POSTGRES_FAILURES
from livestream.events import MESSAGES_TOPIC
from livestream.fold import Changes, PartitionState, UserDeletion
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import RETRIES, delays, describe, until_it_works
from livestream.tracing import Steps, parents_of
from livestream_projector import failpoints, metrics
from livestream_projector.between_batches import BetweenBatches
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.failpoints import Failpoint
from livestream_projector.polls import NOTHING, Polled, Run, poll
from livestream_projector.publisher import Publisher
from livestream_projector.store import Committed, PassedRecord, Store
from livestream_projector.users_log import UsersLog
from livestream_projector.writes import FencedError, Prepared

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
        # What was polled and is not folded: under way, and read ahead of that.
        self._polled = self._ahead = NOTHING
        # The first run of what was read ahead, where it is folded already.
        self._begun: _Begun | None = None
        # Where the last commit left its partitions: while it is these very rows, nothing was written since.
        self._written: Mapping[int, PartitionState] = {}
        self.was_assigned = False
        self.between_batches = BetweenBatches()
        # Counts how often positions were set anew: what was polled before that must not be folded after it.
        self._positioned = 0
        self._next_recount = 0.0

    @property
    def oldest_pending_ms(self) -> dict[int, int]:
        """Partition → append time of the oldest record that was polled and is not folded yet."""
        return self._ahead.oldest_ms | self._polled.oldest_ms

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
            self._polled, self._ahead = self._ahead, NOTHING
            if not self._polled:
                self._polled = await self._poll(consumer)
            is_any = bool(self._polled)
            if is_any:
                failpoints.reach(Failpoint.FETCHED)
                await self._fold_all(consumer)
            await self._apply_user_deletions(consumer)
            await self._recount(consumer)
            if is_any:
                await asyncio.sleep(max(0.0, started + self._batch_interval_s - loop.time()))

    async def _poll(self, consumer: AIOKafkaConsumer) -> Polled:
        try:
            return await self._next_records(consumer)
        except OffsetOutOfRangeError as error:
            await self._find_position(consumer, error)
            return NOTHING

    async def _next_records(self, consumer: AIOKafkaConsumer) -> Polled:
        originals, following = await poll(consumer, self._batch_records)
        if originals:
            metrics.POLLED_RECORDS.observe(len(originals))
        # Where nothing is ours yet, it found the group's offset: the assignment goes back to ours.
        return Polled(originals, self._positioned, following) if self.states else NOTHING

    async def _read_ahead(self, consumer: AIOKafkaConsumer, last: Run) -> None:
        """While a full batch is with Postgres, poll and decode the next one, and fold it on top of that one.

        Not before it is with Postgres: what keeps this process busy would keep the rows from going there.
        """
        positioned = self._positioned
        await last.is_sent.wait()
        try:
            self._ahead = ahead = await self._next_records(consumer)
        except OffsetOutOfRangeError:
            return  # it comes again when nothing is under way, and positions say where to go on
        runs = ahead.runs(self._partitions, self._retention)
        # After a seek back, these may be the same records once more.
        if runs and ahead.positioned == self._positioned == positioned:
            await self._fold_ahead(runs[0], last)

    async def _fold_ahead(self, run: Run, last: Run) -> None:
        behind, positioned, interludes = last.changes, self._positioned, self.between_batches.interludes
        if not behind or not behind.is_final or not (run.is_plain and last.is_plain):
            return
        try:
            prepared = await self._store.prepare(run.records, self.states, behind)
        except (FencedError, *_FAILURES) as error:
            _log.debug("not_folded_ahead", error=describe(error))  # it is folded in its turn
            return
        if self._positioned == positioned:
            self._begun = _Begun(run, prepared, behind, interludes)

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

    async def _fold_all(self, consumer: AIOKafkaConsumer) -> None:
        runs = self._polled.runs(self._partitions, self._retention)
        async with asyncio.TaskGroup() as tasks:
            # Where less is waiting, what comes next comes later. A poll may bring less than there is: what was fetched.
            if self._polled.waiting >= self._batch_records:
                tasks.create_task(self._read_ahead(consumer, runs[-1]))
            try:
                await self._fold_runs(consumer, runs, self._polled.positioned)
            finally:
                runs[-1].is_sent.set()
        self._polled = NOTHING

    async def _fold_runs(self, consumer: AIOKafkaConsumer, runs: Sequence[Run], positioned: int) -> None:
        for run in runs:
            if self._positioned != positioned:
                return
            self._office.hold(run.originals)
            await self._commit(consumer, "fold", partial(self._fold, run))

    async def _fold(self, run: Run) -> Committed:
        begun, self._begun = self._begun, None
        if begun and begun.run is run and begun.stands(self._written, self.between_batches.interludes):
            prepared = begun.prepared
        else:
            prepared = await self._store.prepare(run.records, self.states)
        run.changes = prepared.changes
        committed = await self._store.commit(prepared, run.is_sent.set)
        if parents := parents_of(run.originals):
            traced = Steps(f"fold {MESSAGES_TOPIC}", parents, SpanKind.CONSUMER, run.polled_ns)
            traced.end(**{"messaging.batch.message_count": len(run.records)})
            return msgspec.structs.replace(committed, traces=traced.parents)
        return committed

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
                async with self.between_batches.batch:
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
            self._written = committed.partitions
        if committed.outbox:
            self._publisher.enqueue(*committed.outbox, committed.traces)

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
        self._polled = self._ahead = NOTHING
        self._begun, self._written = None, {}
        self._positioned += 1

    async def _back_off(self, operation: str, error: Exception, waits: Iterator[float]) -> None:
        delay = next(waits)
        RETRIES.labels(operation).inc()
        _log.warning("retry", operation=operation, error=describe(error), delay_s=round(delay, 3))
        await asyncio.sleep(delay)


class _Begun(NamedTuple):
    """A run that is folded on top of a batch, before that was committed."""

    run: Run
    prepared: Prepared
    behind: Changes
    interludes: int

    def stands(self, written: Mapping[int, PartitionState], interludes: int) -> bool:
        """Whether Postgres holds what it was folded on, and nothing was written since by anybody here."""
        return self.behind.prior.partitions is written and self.interludes == interludes
