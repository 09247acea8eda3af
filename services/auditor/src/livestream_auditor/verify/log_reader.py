"""Reads the log from its start, up to exactly the offsets that something else has reached."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
from livestream.kafka import AIOKafkaConsumer
from livestream.retries import describe
from livestream_auditor.verify.findings import LogUnreadableError
from livestream_auditor.witness import EVERYTHING, Baseline, ChannelSample, LogFacts, LogRecord

Positions = Mapping[int, tuple[int, int]]
"""Partition of `messages.v1` → next offsets of `messages.v1` and of `users.v1`."""

_POLL_MS: Final = 1000
_POLL_RECORDS: Final = 5000
_FETCH_BYTES: Final = 8 * 1024 * 1024
_STALLED_POLLS: Final = 30  # half a minute without a record that must be there

_USERS: Final = TopicPartition(USERS_TOPIC, 0)


class LogReader:
    """`facts` reach from `baseline` as far as `advance` was asked for. Methods raise LogUnreadableError.

    `sample` and `most_messages` bound what is remembered, as LogFacts says.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        baseline: Baseline,
        on_progress: Callable[[int, int], None] = lambda _read, _all: None,
        sample: ChannelSample = EVERYTHING,
        most_messages: int | None = None,
    ) -> None:
        self._consumer = AIOKafkaConsumer(
            MESSAGES_TOPIC,
            USERS_TOPIC,
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",  # what a transaction took back was never there
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        self._baseline = baseline
        self._on_progress = on_progress
        self._next: dict[TopicPartition, int] = {}
        self._sample = sample
        self._most_messages = most_messages
        self.facts = LogFacts(0)

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            partitions = await self._begin()
        except KafkaError as error:
            await self._consumer.stop()
            raise LogUnreadableError(f"Kafka cannot be read: {describe(error)}") from None
        except BaseException:
            await self._consumer.stop()
            raise
        self.facts = LogFacts(partitions, self._baseline, self._sample, self._most_messages)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def advance(self, positions: Positions) -> None:
        """Read on up to `positions`; what was read already stays."""
        targets = self._targets(positions)
        await self._check_ends(targets)
        behind = {partition for partition, target in targets.items() if self._next[partition] < target}
        self._consumer.resume(*behind)
        self._consumer.pause(*(self._next.keys() - behind))
        total, stalled = sum(targets.values()), 0
        while behind:
            batches = await self._poll()
            for partition, records in batches.items():
                self._take(partition, records, targets[partition])
                if self._next[partition] >= targets[partition]:
                    behind.discard(partition)
                    self._consumer.pause(partition)
                    self._consumer.seek(partition, self._next[partition])
            stalled = 0 if batches else stalled + 1
            if stalled > _STALLED_POLLS:
                raise LogUnreadableError(f"Kafka sends nothing more of {', '.join(map(_name, behind))}")
            self._on_progress(sum(min(self._next[p], t) for p, t in targets.items()), total)
            await asyncio.sleep(0)  # a live stream is read beside

    async def ends(self) -> Positions:
        """Where the log ends now: of each partition of `messages.v1`, together with that of `users.v1`."""
        try:
            ends = await self._consumer.end_offsets(list(self._next))
        except KafkaError as error:
            raise LogUnreadableError(f"Kafka cannot be read: {describe(error)}") from None
        return {at.partition: (end, ends[_USERS]) for at, end in ends.items() if at.topic == MESSAGES_TOPIC}

    async def record_ends(self) -> Positions:
        """As `ends`, but of `users.v1` where its last record ends: nobody folds a transaction's marker behind it."""
        ends = await self.ends()
        users_end = await self._last_user_record(max((users for _, users in ends.values()), default=0))
        return {partition: (messages, users_end) for partition, (messages, _) in ends.items()}

    async def _last_user_record(self, end: int) -> int:
        begin = last = self._next[_USERS]
        self._consumer.pause(*(self._next.keys() - {_USERS}))
        self._consumer.resume(_USERS)
        stalled = 0
        while stalled <= _STALLED_POLLS and await self._consumer.position(_USERS) < end:
            records = (await self._poll()).get(_USERS, [])
            last = records[-1].offset + 1 if records else last
            stalled = 0 if records else stalled + 1
        self._consumer.seek(_USERS, begin)
        return last

    def next_offset(self, partition: int) -> int:
        """How far a partition of `messages.v1` was read."""
        return self._next.get(TopicPartition(MESSAGES_TOPIC, partition), 0)

    async def _begin(self) -> int:
        """Go to where the baseline of every partition ends; returns their number."""
        assigned: set[TopicPartition] = self._consumer.assignment()
        if _USERS not in assigned or len(assigned) == 1:
            raise LogUnreadableError(f"Kafka has no {MESSAGES_TOPIC} and {USERS_TOPIC} yet")
        for partition, start in (await self._consumer.beginning_offsets(list(assigned))).items():
            begin = start if partition == _USERS else max(start, self._baseline.offsets.get(partition.partition, 0))
            if start > 0 and not self._reaches_back(partition, start):
                raise LogUnreadableError(f"{_name(partition)} begins at offset {start}: what came before is not known")
            self._consumer.seek(partition, begin)
            self._next[partition] = begin
        return len(assigned - {_USERS})

    def _reaches_back(self, partition: TopicPartition, start: int) -> bool:
        """Whether all that the log does not have any more is in the baseline."""
        if not self._baseline.retention.ever_set:
            return False
        return partition == _USERS or start <= self._baseline.kept_from.get(partition.partition, start)

    def _targets(self, positions: Positions) -> dict[TopicPartition, int]:
        targets = {TopicPartition(MESSAGES_TOPIC, number): messages for number, (messages, _) in positions.items()}
        unknown = targets.keys() - self._next.keys()
        if unknown:
            raise LogUnreadableError(
                f"Kafka has no {', '.join(map(_name, unknown))}, but something was folded from there"
            )
        return targets | {_USERS: max((users for _, users in positions.values()), default=0)}

    async def _check_ends(self, targets: Mapping[TopicPartition, int]) -> None:
        try:
            ends = await self._consumer.end_offsets(list(targets))
        except KafkaError as error:
            raise LogUnreadableError(f"Kafka cannot be read: {describe(error)}") from None
        for partition, target in targets.items():
            if ends[partition] < target:
                raise LogUnreadableError(
                    f"{_name(partition)} ends at offset {ends[partition]}, but was folded up to {target}: "
                    "this is not the log that was folded, or its end was lost"
                )

    async def _poll(self) -> dict[TopicPartition, list[Any]]:
        try:
            batches: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                timeout_ms=_POLL_MS, max_records=_POLL_RECORDS
            )
        except KafkaError as error:
            raise LogUnreadableError(f"Kafka cannot be read: {describe(error)}") from None
        return batches

    def _take(self, partition: TopicPartition, records: list[Any], target: int) -> None:
        for record in records:
            if record.offset >= target:
                self._next[partition] = target
                return
            self.facts.take(
                LogRecord(
                    partition.topic, partition.partition, record.offset, record.timestamp, record.value, record.headers
                )
            )
            self._next[partition] = record.offset + 1


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
