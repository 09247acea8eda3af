"""The log: partitions of records with append times from a clock that may be set, and the topic of dead letters."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, NotLeaderForPartitionError, RequestTimedOutError

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, USERS_TOPIC
from livestream_auditor.witness import LogRecord
from tests.support.simulation.servers import Failures, Reply, Server
from tests.support.simulation.world import Process, World

# 2026-01-01, where the clock begins.
_BEGIN_MS: Final = 1_767_225_600_000
# A control record of a transaction takes an offset, and no reader ever sees it.
_CONTROL_RECORD_SHARE: Final = 0.03


class SimulatedRecord(NamedTuple):
    """What aiokafka's ConsumerRecord has, as far as the product looks at it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class WallClock:
    """Milliseconds since 1970 as servers see them. It may be set forwards and backwards."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._begin_ms = _BEGIN_MS

    def now_ms(self) -> int:
        return self._begin_ms + int(self._world.now * 1000)

    def step(self, by_ms: int) -> None:
        self._world.note("clock", f"set by {by_ms} ms")
        self._begin_ms += by_ms


class Kafka(Server):
    """All topics. `messages.v1` has `partitions`."""

    def __init__(self, world: World, clock: WallClock, partitions: int) -> None:
        failures = Failures(KafkaConnectionError, NotLeaderForPartitionError, RequestTimedOutError)
        super().__init__(world, "kafka", failures)
        self.partitions = partitions
        self.letters: dict[str, SimulatedRecord] = {}
        self._clock = clock
        self._records: dict[TopicPartition, list[SimulatedRecord]] = {
            TopicPartition(USERS_TOPIC, 0): [],
            **{TopicPartition(MESSAGES_TOPIC, partition): [] for partition in range(partitions)},
        }
        self._ends = dict.fromkeys(self._records, 0)
        self._waiting: list[_Fetch] = []

    def append(
        self, topic: str, partition: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        """What an upstream sends: it is on the log at once."""
        tp = TopicPartition(topic, partition)
        if self.world.random.random() < _CONTROL_RECORD_SHARE:
            self._ends[tp] += 1
        offset = self._ends[tp]
        self._ends[tp] = offset + 1
        self._records[tp].append(
            SimulatedRecord(topic, partition, offset, self._clock.now_ms(), key, value, list(headers))
        )
        self.world.note("log", f"{topic}/{partition}/{offset} {value.decode(errors='replace')}")
        waiting, self._waiting = self._waiting, []
        for fetch in waiting:
            if not self._answer(fetch):
                self._waiting.append(fetch)

    def records(self) -> list[LogRecord]:
        """The whole log, for the witness: one partition after the other."""
        return [
            LogRecord(record.topic, record.partition, record.offset, record.timestamp, record.value, record.headers)
            for records in self._records.values()
            for record in records
        ]

    def originals(self, tp: TopicPartition) -> Sequence[SimulatedRecord]:
        return self._records[tp]

    def end(self, tp: TopicPartition) -> int:
        """The offset after the last record, or after a control record behind it."""
        return self._ends[tp]

    def folded_end(self, tp: TopicPartition) -> int:
        """The offset after the last record that a reader sees."""
        return self._records[tp][-1].offset + 1 if self._records[tp] else 0

    def fetch(
        self, process: Process, positions: Mapping[TopicPartition, int], limit: int, wait_s: float
    ) -> "asyncio.Future[dict[TopicPartition, list[SimulatedRecord]]]":
        """Up to `limit` records from those positions on; some, as soon as there are any, or none after a while."""

        def work(reply: Reply) -> None:
            fetch = _Fetch(dict(positions), limit, reply)
            if not self._answer(fetch):
                self._waiting.append(fetch)
                self.world.after(wait_s, lambda: self._give_up(fetch))

        return self.call(process, work)

    def ask_ends(self, process: Process, tps: Iterable[TopicPartition]) -> "asyncio.Future[dict[TopicPartition, int]]":
        wanted = list(tps)
        return self.call(process, lambda reply: reply({tp: self._ends[tp] for tp in wanted}))

    def end_of(self, tp: TopicPartition) -> int:
        """As answers to a fetch tell it."""
        return self._ends[tp]

    def _answer(self, fetch: "_Fetch") -> bool:
        """Partitions come in any order and any amounts."""
        found: dict[TopicPartition, list[SimulatedRecord]] = {}
        left = fetch.limit
        tps = [tp for tp, position in fetch.positions.items() if position < self._ends[tp]]
        self.world.random.shuffle(tps)
        for tp in tps:
            take = self.world.random.randint(1, left) if left else 0
            records = [record for record in self._records[tp] if record.offset >= fetch.positions[tp]][:take]
            if records:
                found[tp] = records
                left -= len(records)
        if found:
            fetch.reply(found)
        return bool(found)

    def _give_up(self, fetch: "_Fetch") -> None:
        if fetch in self._waiting:
            self._waiting.remove(fetch)
            fetch.reply({})


class _Fetch(NamedTuple):
    positions: dict[TopicPartition, int]
    limit: int
    reply: Reply


class SimulatedProducer:
    """What the dead letter office sends with."""

    def __init__(self, kafka: Kafka, process: Process) -> None:
        self._kafka = kafka
        self._process = process

    async def send(
        self, topic: str, *, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> "asyncio.Future[Any]":
        assert topic == DEAD_LETTER_TOPIC
        record = SimulatedRecord(topic, 0, 0, 0, key, value, headers)

        def work(reply: Reply) -> None:
            self._kafka.letters[key.decode()] = record
            reply(None)

        return self._kafka.call(self._process, work)
