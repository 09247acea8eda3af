"""A test's own access to the log: producing records where they belong, and reading back what is there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Event, UserDeleted, encode_event
from livestream.partitioning import partition_of
from livestream_auditor.witness import LogRecord

_READ_S = 30
_POLL_MS = 100


class KafkaLog:
    """Produces events as a direct upstream does, and reads topics whole."""

    def __init__(self, bootstrap_servers: str, producer: AIOKafkaProducer, partitions: int) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self.partitions = partitions

    async def append(self, events: Sequence[Event]) -> None:
        """Waits until all are acknowledged; a channel's events keep their order."""
        await self.append_at([(event, None) for event in events])

    async def append_at(self, events: Sequence[tuple[Event, int | None]]) -> None:
        """As `append`, with times in ms that become append times where a topic takes producers' times for them."""
        sent = []
        for event, append_ms in events:
            if isinstance(event, UserDeleted):
                topic, key, partition = USERS_TOPIC, event.user, 0
            else:
                topic, key = MESSAGES_TOPIC, event.channel
                partition = partition_of(event.channel, self.partitions)
            value = encode_event(event)
            sent.append(
                await self._producer.send(topic, value, key=key.encode(), partition=partition, timestamp_ms=append_ms)
            )
        for future in sent:
            await future

    async def append_raw(self, value: bytes, partition: int, headers: Sequence[tuple[str, bytes]] = ()) -> int:
        """Any bytes, anywhere on `messages.v1`; returns the offset."""
        sent = await self._producer.send_and_wait(MESSAGES_TOPIC, value, partition=partition, headers=headers)
        return int(sent.offset)

    async def ends(self, topic: str) -> dict[int, int]:
        """Partition → the next offset."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers)
        await consumer.start()
        try:
            count = self.partitions if topic == MESSAGES_TOPIC else 1
            ends = await consumer.end_offsets([TopicPartition(topic, partition) for partition in range(count)])
            return {tp.partition: end for tp, end in ends.items()}
        finally:
            await consumer.stop()

    async def read(self, *topics: str) -> list[LogRecord]:
        """Every record, a partition's in order."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            partitions = [
                TopicPartition(topic, partition)
                for topic in topics
                for partition in range(self.partitions if topic == MESSAGES_TOPIC else 1)
            ]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            records: list[LogRecord] = []
            async with asyncio.timeout(_READ_S):
                while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                    for found in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                        records += [
                            LogRecord(r.topic, r.partition, r.offset, r.timestamp, r.value, r.headers) for r in found
                        ]
            return records
        finally:
            await consumer.stop()


@asynccontextmanager
async def kafka_log(bootstrap_servers: str, partitions: int) -> AsyncIterator[KafkaLog]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        yield KafkaLog(bootstrap_servers, producer, partitions)
    finally:
        await producer.stop()
