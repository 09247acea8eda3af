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
from livestream.fold import PartitionState, Record
from livestream.partitioning import partition_of
from livestream.retention import Retention
from livestream_projector.projector import Projector
from livestream_projector.store import Committed
from livestream_projector.writes import FencedError
from tests.support.memory_store import MemoryStore

PARTITION = 0
TP = TopicPartition(MESSAGES_TOPIC, PARTITION)


class Store:
    """In memory; a commit waits until it is let in, and its answer until it is let out."""

    def __init__(self) -> None:
        self.rows = MemoryStore(1)
        self.steps: list[tuple[int, int]] = []
        self.folding, self.let_in, self.let_out = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def positions(self, partitions: Sequence[int]) -> dict[int, PartitionState]:
        return self.rows.positions(partitions)

    async def fold(self, records: Sequence[Record], expected: dict[int, PartitionState]) -> Committed:
        before = self.rows.positions([PARTITION])
        if before != expected:
            raise FencedError
        self.folding.set()
        await self.let_in.wait()
        changes = self.rows.changes_of(records, before)
        self.rows.commit(changes)
        self.steps.append((records[0].offset, records[-1].offset + 1))
        await self.let_out.wait()
        return Committed(changes.prior.partitions, None)


class Consumer:
    """Reads a log of three posts, as far as it is assigned."""

    def __init__(self) -> None:
        value = encode_event(MessagePosted("c", "1", "u", "text", 0))
        assert partition_of("c", 1) == PARTITION
        self._records = [
            SimpleNamespace(topic=TP.topic, partition=0, offset=n, timestamp=0, key=b"c", value=value, headers=())
            for n in range(3)
        ]
        self._position = 0

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._position = offset

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        found = self._records[self._position :]
        self._position = len(self._records)
        return {TP: found} if found else {}


@asynccontextmanager
async def projecting(store: Store) -> AsyncIterator[tuple[Projector, Callable[[], Awaitable[None]]]]:
    """A projector that runs, and what assigns its partition to it."""

    async def log_is_right(states: dict[int, PartitionState]) -> dict[int, int]:
        return {partition: state.messages_offset for partition, state in states.items()}

    consumer, nobody = Consumer(), cast("Any", SimpleNamespace(hold=lambda _: None, behind=lambda _: []))
    projector = Projector(cast("Any", store), nobody, nobody, nobody, log_is_right, Retention(), 1, 100, 0)

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
