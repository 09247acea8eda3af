"""Whether the log is still the one that was folded. One that does not fit stops the process: no jumping over it."""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from livestream.events import MESSAGES_TOPIC
from livestream.fold import PartitionState
from livestream_projector.consumer import new_consumer
from livestream_projector.decode import checksum_of

_READ_TIMEOUT_MS: Final = 10_000

_REMEDY: Final = (
    "Nothing was folded or changed. If the topic was cut or made anew on purpose, fold it into an empty database; else "
    "bring the log back as it was"
)


class LogChangedError(Exception):
    """The log does not continue what was folded; the message says what was found and what to do."""


async def check_log(bootstrap_servers: str, states: dict[int, PartitionState]) -> None:
    """Compare the log with where the fold stands. Raises LogChangedError, and KafkaError while the broker is away."""
    consumer = new_consumer(bootstrap_servers, group=None)
    try:
        await consumer.start()
        partitions = {TopicPartition(MESSAGES_TOPIC, partition): state for partition, state in states.items()}
        firsts = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
        for partition, state in partitions.items():
            _check_range(partition, state, firsts[partition], ends[partition])
        folded = {tp: state for tp, state in partitions.items() if state.messages_offset > firsts[tp]}
        consumer.assign(list(folded))
        for partition, state in folded.items():
            await _check_last_record(consumer, partition, state)
    finally:
        await consumer.stop()


def _check_range(partition: TopicPartition, state: PartitionState, first: int, end: int) -> None:
    at = f"{partition.topic}/{partition.partition}"
    if end < state.messages_offset:
        raise LogChangedError(
            f"{at} ends at offset {end}, but was folded up to {state.messages_offset}: its tail is gone. {_REMEDY}"
        )
    if first > state.messages_offset:
        raise LogChangedError(
            f"{at} begins at offset {first}, but was folded only up to {state.messages_offset}: records were dropped "
            f"before they were folded. {_REMEDY}"
        )


async def _check_last_record(consumer: AIOKafkaConsumer, partition: TopicPartition, state: PartitionState) -> None:
    last_offset = state.messages_offset - 1
    consumer.seek(partition, last_offset)
    found: Any = (await consumer.getmany(partition, timeout_ms=_READ_TIMEOUT_MS, max_records=1)).get(partition)
    # A transaction's marker stands there where nothing is found: it has no content to compare.
    if found and found[0].offset == last_offset and checksum_of(found[0]) != state.last_checksum:
        raise LogChangedError(
            f"{partition.topic}/{partition.partition}/{last_offset} is not the record that was folded from there: "
            f"this is another log. {_REMEDY}"
        )
