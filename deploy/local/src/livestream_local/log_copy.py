"""The log, copied to topics of another Kafka that may have more partitions. What was appended when stays as it was."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected, UserDeleted, parse_record
from livestream.kafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer
from livestream.partitioning import partition_of
from livestream.retries import describe
from livestream.topic_configs import alter_topic
from livestream.topics import TopicError, TopicSettings, ensure_topics
from livestream_local.errors import LauncherError
from livestream_local.producing import producing

_TOPICS: Final = (MESSAGES_TOPIC, USERS_TOPIC)
_POLL_MS: Final = 1_000
_POLL_RECORDS: Final = 1_000
_FETCH_BYTES: Final = 8 * 1024 * 1024
_STALLED_POLLS: Final = 30
# So many are on the way at once.
_UNACKNOWLEDGED: Final = 5_000


class Copied(NamedTuple):
    """So many records. `left_out` were not where their channel belongs, or empty: dead letters, which stay so."""

    records: int
    left_out: int


async def copy_log(source: str, target: str, partitions: int, on_progress: Callable[[int, int], None]) -> Copied:
    """All of both topics, up to where they end now, into topics that are empty; `partitions` of `messages.v1`.

    Where the topics are missing there, they are made. `on_progress` gets how many records of how many are through.
    Raises LauncherError; then what was copied, and what was folded of it, has to go before this is tried again.
    """
    try:
        partitions = await ensure_topics(target, TopicSettings(partitions))
        async with _reading(target) as there:
            await _check_empty(there)
        async with _reading(source) as log, producing(target) as producer, _keeping_times(target):
            copied = await _Copy(log, producer, partitions, on_progress).run()
    except TopicError as error:
        raise LauncherError(str(error)) from None
    except KafkaError as error:
        raise LauncherError(f"Kafka did not do it: {describe(error)}") from None
    return copied


class _Copy:
    def __init__(
        self,
        log: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        partitions: int,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._log = log
        self._producer = producer
        self._partitions = partitions
        self._old_partitions = sum(place.topic == MESSAGES_TOPIC for place in log.assignment())
        self._on_progress = on_progress
        self._pending: list[asyncio.Future[Any]] = []

    async def run(self) -> Copied:
        places = list(self._log.assignment())
        _check_whole(await self._log.beginning_offsets(places))
        ends: Mapping[TopicPartition, int] = await self._log.end_offsets(places)
        records = left_out = 0
        async for record in _in_order_of_time(self._log, ends):
            place = self._place(record)
            if place is None:
                left_out += 1
                continue
            await self._send(record, place)
            records += 1
            if len(self._pending) >= _UNACKNOWLEDGED:
                await self._acknowledged()
                self._on_progress(records + left_out, sum(ends.values()))
        await self._acknowledged()
        if await self._log.end_offsets(list(ends)) != ends:
            raise LauncherError("something was appended meanwhile: stop all that produces, and begin anew")
        return Copied(records, left_out)

    def _place(self, record: Any) -> TopicPartition | None:
        if record.value is None and record.key is None:
            return None
        if record.topic == USERS_TOPIC:
            return TopicPartition(USERS_TOPIC, 0)
        event = parse_record(MESSAGES_TOPIC, record.value, record.headers)
        if isinstance(event, Rejected | UserDeleted):
            return TopicPartition(MESSAGES_TOPIC, record.partition % self._partitions)  # a dead letter anywhere
        if partition_of(event.channel, self._old_partitions) != record.partition:
            return None
        return TopicPartition(MESSAGES_TOPIC, partition_of(event.channel, self._partitions))

    async def _send(self, record: Any, place: TopicPartition) -> None:
        self._pending.append(
            await self._producer.send(
                place.topic, record.value, record.key, place.partition, record.timestamp, list(record.headers)
            )
        )

    async def _acknowledged(self) -> None:
        await asyncio.gather(*self._pending)
        self._pending.clear()


async def _in_order_of_time(log: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> AsyncIterator[Any]:
    """The records of all partitions up to `ends`: each partition's in its order, the earliest append time first.

    A partition there gets records of several here, and its append times should not go back and forth by years.
    """
    held: dict[TopicPartition, deque[Any]] = {place: await _next_records(log, place, ends[place]) for place in ends}
    heads = [(records[0].timestamp, place) for place, records in held.items() if records]
    heapq.heapify(heads)
    while heads:
        _, place = heads[0]
        records = held[place]
        yield records.popleft()
        if not records:
            records = held[place] = await _next_records(log, place, ends[place])
        if records:
            heapq.heapreplace(heads, (records[0].timestamp, place))
        else:
            heapq.heappop(heads)


async def _next_records(log: AIOKafkaConsumer, place: TopicPartition, end: int) -> "deque[Any]":
    """Some; none where the partition is read up to its end."""
    for _ in range(_STALLED_POLLS):
        if await log.position(place) >= end:
            return deque()
        polled = await log.getmany(place, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
        if records := [record for record in polled.get(place, ()) if record.offset < end]:
            return deque(records)
    raise LauncherError(f"Kafka sends nothing more of {place.topic}/{place.partition}")


@asynccontextmanager
async def _reading(bootstrap_servers: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Assigned to all partitions of both topics, at their beginning."""
    consumer = AIOKafkaConsumer(
        *_TOPICS,
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    try:
        await consumer.start()
        found = {place.topic for place in consumer.assignment()}
        if missing := [topic for topic in _TOPICS if topic not in found]:
            raise LauncherError(f"there is no {' and no '.join(missing)} at {bootstrap_servers}")
        yield consumer
    finally:
        await consumer.stop()


def _check_whole(beginnings: Mapping[TopicPartition, int]) -> None:
    if any(beginnings.values()):
        raise LauncherError(
            "Kafka has dropped the beginning of this log. What was dropped counts on in the database that has folded "
            "it, and would be missing from what is folded of a copy"
        )


async def _check_empty(there: AIOKafkaConsumer) -> None:
    ends: Mapping[TopicPartition, int] = await there.end_offsets(list(there.assignment()))
    if used := sorted({place.topic for place, end in ends.items() if end}):
        raise LauncherError(
            f"{' and '.join(used)} there hold records already: a copy begins in empty topics and an empty database. "
            "Delete both, or name another Kafka"
        )


@asynccontextmanager
async def _keeping_times(bootstrap_servers: str) -> AsyncIterator[None]:
    """Meanwhile records keep the append times that they come with."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        for topic in _TOPICS:
            await alter_topic(client, topic, {"message.timestamp.type": "CreateTime"})
        try:
            yield
        finally:
            for topic in _TOPICS:
                await alter_topic(client, topic, {"message.timestamp.type": "LogAppendTime"})
    finally:
        await client.close()
