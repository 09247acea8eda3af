"""Positions that are set anew while a batch is under way: what was polled before that is never folded on top of them.

The log knows an edit before its message as a dead letter, so a record that is folded twice may mean another thing the
second time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition

from livestream.events import MESSAGES_TOPIC, MessagePosted, encode_event
from livestream.fold import Changes, PartitionState, Prior, Record, own_rows
from livestream.partitioning import partition_of
from livestream.retention import Retention
from livestream_projector.projector import Projector
from livestream_projector.store import Committed
from livestream_projector.writes import FencedError, Prepared
from tests.support.memory_store import MemoryStore
from tests.support.waiting import wait_until_async

PARTITION = 0
TP = TopicPartition(MESSAGES_TOPIC, PARTITION)


class Store:
    """In memory; a commit waits until it is let in, and its answer until it is let out.

    `prepared`: of each batch the first offset, and whether it was folded on top of one that was not committed.
    """

    def __init__(self) -> None:
        self.rows = MemoryStore(1)
        self.prepared: list[tuple[int, bool]] = []
        self.steps: list[tuple[int, int]] = []
        self.failure: Exception | None = None
        self.folding, self.let_in, self.let_out = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def positions(self, partitions: Sequence[int]) -> dict[int, PartitionState]:
        return self.rows.positions(partitions)

    async def prepare(
        self, records: Sequence[Record], expected: dict[int, PartitionState], behind: Changes | None = None
    ) -> Prepared:
        if self.rows.positions([PARTITION]) != expected:
            raise FencedError
        self.prepared.append((records[0].offset, behind is not None))
        known = behind.prior if behind else Prior({})
        before = own_rows(known.partitions, [PARTITION]) or self.rows.positions([PARTITION])
        return Prepared(self.rows.changes_of(records, before, known))

    async def commit(self, prepared: Prepared, on_sent: Callable[[], None]) -> Committed:
        changes = prepared.changes
        on_sent()
        self.folding.set()
        await self.let_in.wait()
        if self.failure:
            failure, self.failure = self.failure, None
            raise failure
        if self.rows.partitions[PARTITION].position != changes.before[PARTITION]:
            raise FencedError
        self.rows.commit(changes)
        self.steps.append((changes.before[PARTITION][0], changes.prior.partitions[PARTITION].messages_offset))
        await self.let_out.wait()
        return Committed(changes.prior.partitions, None)


class Consumer:
    """Reads a log of three posts by one user, as far as it is assigned."""

    def __init__(self) -> None:
        assert partition_of("c", 1) == PARTITION
        self._records = [
            SimpleNamespace(topic=TP.topic, partition=0, offset=n, timestamp=0, key=b"c", value=value, headers=())
            for n in range(3)
            for value in [encode_event(MessagePosted("c", str(n), "u", "text", n))]
        ]
        self._position = 0

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def highwater(self, _: TopicPartition) -> int:
        return len(self._records)

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._position = offset

    async def getmany(self, *, max_records: int, **_: Any) -> dict[TopicPartition, list[Any]]:
        for _turn in range(20):  # as a poll waits for what may come
            await asyncio.sleep(0)
            if self._position < len(self._records):
                break
        found = self._records[self._position : self._position + max_records]
        self._position += len(found)
        return {TP: found} if found else {}


@asynccontextmanager
async def projecting(
    store: Store, batch_records: int = 100
) -> AsyncIterator[tuple[Projector, Callable[[], Awaitable[None]]]]:
    """A projector that runs, and what assigns its partition to it."""

    async def log_is_right(states: dict[int, PartitionState]) -> dict[int, int]:
        return {partition: state.messages_offset for partition, state in states.items()}

    consumer, nobody = Consumer(), cast("Any", SimpleNamespace(hold=lambda _: None, behind=lambda _: []))
    projector = Projector(cast("Any", store), nobody, nobody, nobody, log_is_right, Retention(), 1, batch_records, 0)

    async def assign() -> None:
        projector.drop()
        for offset in (await projector.take([PARTITION])).values():
            consumer.seek(TP, offset)

    running = asyncio.create_task(projector.run(cast("Any", consumer)))
    try:
        yield projector, assign
    finally:
        running.cancel()
        await asyncio.wait([running])


async def turns() -> None:
    """Many more than anything here takes."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_a_commit_that_outlasts_a_rebalance_is_not_folded_again() -> None:
    store = Store()
    async with projecting(store) as (projector, assign):
        await assign()
        await store.folding.wait()
        await assign()  # it reads that nothing is folded yet
        store.let_in.set()
        store.let_out.set()
        await turns()
        assert projector.states[PARTITION].messages_offset == 3
    assert store.steps == [(0, 3)]


async def test_a_batch_that_waited_its_turn_is_not_folded_on_positions_set_anew() -> None:
    """Another process has folded the same records meanwhile."""
    store = Store()
    store.let_in.set()
    store.let_out.set()
    async with projecting(store) as (projector, assign):
        async with projector.between_batches:
            await assign()
            await turns()
            assert PARTITION in projector.oldest_pending_ms
            store.rows.partitions = {PARTITION: PartitionState(messages_offset=3)}
            await assign()
        await turns()
    assert store.steps == []


async def test_the_next_batch_is_folded_on_top_of_one_that_is_being_committed() -> None:
    store = Store()
    store.let_out.set()
    async with projecting(store, batch_records=1) as (_, assign):
        await assign()
        await turns()
        assert store.prepared == [(0, False), (1, True)]
        assert store.steps == []
        store.let_in.set()
        await turns()
    assert store.prepared == [(0, False), (1, True), (2, True)]
    assert store.steps == [(0, 1), (1, 2), (2, 3)]
    assert store.rows.channels["c"].messages == 3


async def test_what_is_read_again_is_not_folded_on_top_of_itself() -> None:
    """A poll ahead that outlasts a rebalance may bring the very records that are being committed."""
    store = Store()
    store.let_out.set()
    async with projecting(store, batch_records=3) as (projector, assign):
        await assign()
        await store.folding.wait()
        await assign()  # it reads that nothing is folded yet
        await turns()
        store.let_in.set()
        await turns()
        assert projector.states[PARTITION].messages_offset == 3
    assert store.steps == [(0, 3)]


async def test_what_was_folded_on_top_of_a_batch_that_failed_is_folded_again() -> None:
    store = Store()
    store.let_out.set()
    store.failure = OSError("the connection is gone")
    async with projecting(store, batch_records=1) as (_, assign):
        await assign()
        await turns()
        store.let_in.set()
        await wait_until_async(lambda: _is(len(store.steps) == 3), 10, "three batches")
    assert store.prepared[:4] == [(0, False), (1, True), (0, False), (1, False)]
    assert store.steps == [(0, 1), (1, 2), (2, 3)]
    assert store.rows.channels["c"].messages == 3


async def test_what_was_folded_ahead_is_folded_again_where_others_changed_rows() -> None:
    store = Store()
    store.let_out.set()
    async with projecting(store, batch_records=1) as (projector, assign):
        await assign()
        await store.folding.wait()
        changing = asyncio.create_task(_change_rows(projector, store))
        await turns()
        store.let_in.set()
        await changing
        await turns()
    assert store.prepared[:3] == [(0, False), (1, True), (1, False)]
    assert store.steps == [(0, 1), (1, 2), (2, 3)]


async def _change_rows(projector: Projector, store: Store) -> None:
    async with projector.between_batches:
        assert store.steps == [(0, 1)]


async def _is(answer: bool) -> bool:
    return answer
