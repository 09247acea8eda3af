"""The consumers of a projector, with aiokafka's behaviour around rebalances; the broker behind them is simulated."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import (
    IllegalGenerationError,
    KafkaError,
    NoOffsetForPartitionError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
from livestream.retention import Retention
from livestream_projector.consumer import Assignment
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.users_log import UsersLog
from tests.support.simulation.group import HEARTBEAT_SECONDS, Group, Joined
from tests.support.simulation.kafka import Kafka, SimulatedRecord
from tests.support.simulation.world import Process

_RETRY_SECONDS: Final = 0.1
_USERS_POLL_SECONDS: Final = 0.5
_USERS_POLL_RECORDS: Final = 100


class _Position:
    """Where one partition is read next; what stands for aiokafka's TopicPartitionState."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.highwater = 0

    @property
    def has_valid_position(self) -> bool:
        return self.position is not None


class SimulatedConsumer:
    """A member of the group; everything that `Projector`, `Progress` and `Assignment` use of an AIOKafkaConsumer."""

    def __init__(self, kafka: Kafka, group: Group, process: Process) -> None:
        self._kafka = kafka
        self._group = group
        self._process = process
        self._member, self._generation = "", -1
        self._held: dict[TopicPartition, _Position] = {}
        self._assigned = asyncio.Event()
        self._listener: Assignment | None = None
        self._no_offset: set[TopicPartition] = set()
        # Progress looks there for positions that are known without waiting.
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=self))

    def state_value(self, tp: TopicPartition) -> _Position | None:
        return self._held.get(tp)

    def subscribe(self, listener: Assignment) -> None:
        self._listener = listener

    async def run(self) -> None:
        """Take part in the group; runs until it is cancelled. aiokafka does this in tasks of its own."""
        while True:
            await self._join()
            await self._stay()

    async def wait_for_assignment(self) -> None:
        await self._assigned.wait()

    def assignment(self) -> set[TopicPartition]:
        return set(self._held)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if tp not in self._held:
            raise KafkaError(f"{tp} is not assigned")
        self._held[tp].position = offset
        self._no_offset.discard(tp)

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[SimulatedRecord]]:
        await self._assigned.wait()
        if self._no_offset:
            raise NoOffsetForPartitionError(self._no_offset.pop())
        held = self._held
        positions = {tp: at.position for tp, at in held.items() if at.position is not None}
        if not positions:
            await asyncio.sleep(timeout_ms / 1000)
            return {}
        try:
            found = await self._kafka.fetch(self._process, positions, max_records, timeout_ms / 1000)
        except KafkaError:
            await asyncio.sleep(_RETRY_SECONDS)
            return {}
        await self._assigned.wait()
        if self._held is not held:
            return {}
        valid = {tp: records for tp, records in found.items() if held[tp].position == positions[tp]}
        for tp, records in valid.items():
            held[tp].position = records[-1].offset + 1
            held[tp].highwater = self._kafka.end_of(tp)
        return valid

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._kafka.ask_ends(self._process, tps)

    def highwater(self, tp: TopicPartition) -> int | None:
        return None if tp not in self._held else self._held[tp].highwater

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        by_partition = {tp.partition: offset for tp, offset in offsets.items()}
        commit = partial(self._group.commit, self._member, self._generation, by_partition)
        await self._kafka.call(self._process, commit)

    async def _join(self) -> None:
        assert self._listener is not None
        self._assigned.clear()
        await self._listener.on_partitions_revoked(set(self._held))
        joined = await self._until_joined()
        self._member, self._generation = joined.member, joined.generation
        self._held = {TopicPartition(MESSAGES_TOPIC, partition): _Position() for partition in joined.partitions}
        self._no_offset = set()
        self._assigned.set()
        finding = asyncio.create_task(self._find_positions(self._held))
        try:
            await self._listener.on_partitions_assigned(set(self._held))
        except Exception as error:  # noqa: BLE001 - aiokafka logs it, whatever it is
            self._process.world.note(self._process.name, f"listener failed: {error!r}")
        await finding

    async def _until_joined(self) -> Joined:
        while True:
            try:
                joined: Joined = await self._kafka.call(self._process, partial(self._group.join, self._member))
            except KafkaError:
                self._member = ""
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return joined

    async def _find_positions(self, held: dict[TopicPartition, _Position]) -> None:
        """aiokafka looks for the group's offsets as soon as partitions are assigned, whoever seeks elsewhere then."""
        try:
            committed = await self._kafka.call(self._process, lambda reply: reply(dict(self._group.committed)))
        except KafkaError:
            return
        for tp, at in held.items():
            if not at.has_valid_position and tp.partition in committed:
                at.position = committed[tp.partition]
            elif not at.has_valid_position and held is self._held:
                self._no_offset.add(tp)

    async def _stay(self) -> None:
        """Until the group has to be joined again."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            beat = partial(self._group.heartbeat, self._member, self._generation)
            try:
                await self._kafka.call(self._process, beat)
            except RebalanceInProgressError:
                return
            except (UnknownMemberIdError, IllegalGenerationError):
                self._member = ""
                return
            except KafkaError:
                continue


class SimulatedUsersLog(UsersLog):
    """The real one but for its consumer."""

    def __init__(self, kafka: Kafka, process: Process, office: DeadLetterOffice, buried_up_to: int) -> None:
        super().__init__("", office, buried_up_to, Retention())
        self._kafka = kafka
        self._process = process

    async def _follow(self) -> None:
        tp = TopicPartition(USERS_TOPIC, 0)
        position = next(reversed(self._entries)) + 1 if self._entries else 0
        while True:
            found: dict[TopicPartition, list[Any]] = await self._kafka.fetch(
                self._process, {tp: position}, _USERS_POLL_RECORDS, _USERS_POLL_SECONDS
            )
            for record in found.get(tp, []):
                await self._take(record)
                position = self.read_up_to = record.offset + 1
