"""Upstreams that produce to Kafka themselves, each with the library that it has."""

import zlib
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import KafkaError, Message, Producer

from livestream.events import MESSAGES_TOPIC, MessagePosted, encode_event
from tests.support.dead_letters import (
    FOLDED_S,
    PARTITIONS,
    DeadLetters,
    Shown,
    post,
    right_partition,
    wrong_partition,
)
from tests.support.stacks import RunningStack, StartStack

TS = "2026-01-02T03:04:05Z"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector"]) as running:
        yield running


async def test_librdkafka_with_javas_partitioner_needs_no_replay(
    stack: RunningStack, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    channels = [f"{unique}-ü{number}" for number in range(20)]
    produce_with_librdkafka(stack, channels, partitioner="murmur2_random")
    for channel in channels:
        await shown.count(channel, 1)
    assert not [line for line in (await letters.listed()).values() if line["channel"] in channels]


async def test_librdkafkas_default_partitioner_is_put_right_by_a_replay(
    stack: RunningStack, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    """As kcat produces without options."""
    names = (f"{unique}-{number}" for number in range(100))
    channels = [name for name in names if zlib.crc32(name.encode()) % PARTITIONS != right_partition(name)][:20]
    records = produce_with_librdkafka(stack, channels)
    assert {entry.reason for entry in await letters.buried(*records)} == {"wrong-partition"}
    replayed = await letters.run("replay", "--yes", *records)
    assert replayed.status == 0, replayed.output
    assert "Replayed: 20; left: 0." in replayed.output
    for channel in channels:
        await shown.count(channel, 1)
    assert not set(records) & set(await letters.listed())


async def test_of_transactions_only_what_was_committed_is_folded(
    stack: RunningStack, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    """As Kafka Streams and Flink produce. Their markers take places on the log, and are no records."""
    partition, options = right_partition(unique), {"transactional_id": unique}
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers, **options) as transactional:

        async def send(*messages: MessagePosted) -> None:
            for message in messages:
                await transactional.send_and_wait(MESSAGES_TOPIC, encode_event(message), partition=partition)

        async with transactional.transaction():
            await send(post(unique, "1"), post(unique, "2"))
        await transactional.begin_transaction()
        await send(post(unique, "3"), post(unique, "1", "another text"))
        await transactional.abort_transaction()
        async with transactional.transaction():
            await send(post(unique, "4"))
    await shown.count(unique, 3)
    assert not [line for line in (await letters.listed()).values() if line["channel"] == unique]


def produce_with_librdkafka(stack: RunningStack, channels: list[str], **options: str) -> list[str]:
    """One message to each channel, keyed by it; returns where they lie."""
    records: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        records.append(f"{message.topic()}/{message.partition()}/{message.offset()}")

    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap_servers, **options})
    for channel in channels:
        producer.produce(MESSAGES_TOPIC, encode_event(post(channel)), key=channel, on_delivery=delivered)
    assert producer.flush(FOLDED_S) == 0
    return records


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_cloud_events_of_the_sdk_are_folded_and_replayed_with_their_headers(
    producer: AIOKafkaProducer, letters: DeadLetters, shown: Shown, unique: str, mode: str
) -> None:
    posted = cloud_event(mode, "message.posted", channel=unique, id="1", user="ann", text="first", ts=TS)
    await produce(producer, posted, right_partition(unique))
    await shown.text(unique, "first")
    edited = cloud_event(mode, "message.edited", channel=unique, id="1", text="second", ts=TS)
    record = await produce(producer, edited, wrong_partition(unique))
    await letters.buried(record)
    replayed = await letters.run("replay", "--yes", record)
    assert replayed.status == 0, replayed.output
    await shown.text(unique, "second")
    await shown.count(unique, 1)


def cloud_event(mode: str, type_: str, **data: str) -> KafkaMessage:
    attributes = {"type": type_, "source": "/tests", "id": data["id"], "specversion": "1.0"}
    event = CloudEvent(attributes | {"datacontenttype": "application/json"}, dict(data))
    return to_structured_event(event) if mode == "structured" else to_binary_event(event)


async def produce(producer: AIOKafkaProducer, message: KafkaMessage, partition: int) -> str:
    """Returns where it lies."""
    headers = list(message.headers.items())
    sent = await producer.send_and_wait(MESSAGES_TOPIC, message.value, partition=partition, headers=headers)
    return f"{MESSAGES_TOPIC}/{partition}/{sent.offset}"
