"""Whether the log is still the one that was folded. One that does not fit stops the process: no jumping over it."""

from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
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


class _Folded(NamedTuple):
    """How far a topic's partition was folded: the next offset, and the checksum of the record before it."""

    offset: int
    checksum: int


async def check_log(bootstrap_servers: str, states: dict[int, PartitionState]) -> None:
    """Compare the log with where the fold stands. Raises LogChangedError, and KafkaError while the broker is away."""
    if not states:
        return
    folded = _folded(states)
    consumer = new_consumer(bootstrap_servers, group=None)
    try:
        await consumer.start()
        firsts = await consumer.beginning_offsets(list(folded))
        ends = await consumer.end_offsets(list(folded))
        consumer.assign(list(folded))
        for partition, (least, most) in folded.items():
            _check_range(partition, least, most, firsts[partition], ends[partition])
            if most.offset > firsts[partition]:
                await _check_last_record(consumer, partition, most)
    finally:
        await consumer.stop()


def _folded(states: dict[int, PartitionState]) -> dict[TopicPartition, tuple[_Folded, _Folded]]:
    """The least and the most that was folded of each: every partition reads `users.v1` at a pace of its own."""
    messages = {
        TopicPartition(MESSAGES_TOPIC, partition): _Folded(state.messages_offset, state.last_checksum)
        for partition, state in states.items()
    }
    users = [_Folded(state.users_offset, state.users_checksum) for state in states.values()]
    return {tp: (at, at) for tp, at in messages.items()} | {TopicPartition(USERS_TOPIC, 0): (min(users), max(users))}


def _check_range(partition: TopicPartition, least: _Folded, most: _Folded, first: int, end: int) -> None:
    at = f"{partition.topic}/{partition.partition}"
    if end < most.offset:
        raise LogChangedError(
            f"{at} ends at offset {end}, but was folded up to {most.offset}: its tail is gone. {_REMEDY}"
        )
    if first > least.offset:
        raise LogChangedError(
            f"{at} begins at offset {first}, but was folded only up to {least.offset}: records were dropped "
            f"before they were folded. {_REMEDY}"
        )


async def _check_last_record(consumer: AIOKafkaConsumer, partition: TopicPartition, folded: _Folded) -> None:
    last_offset = folded.offset - 1
    consumer.seek(partition, last_offset)
    found: Any = (await consumer.getmany(partition, timeout_ms=_READ_TIMEOUT_MS, max_records=1)).get(partition)
    # A transaction's marker stands there where nothing is found: it has no content to compare. Nor is there a checksum
    # of a record that was not folded itself, but passed over at a baseline.
    if folded.checksum and found and found[0].offset == last_offset and checksum_of(found[0]) != folded.checksum:
        raise LogChangedError(
            f"{partition.topic}/{partition.partition}/{last_offset} is not the record that was folded from there: "
            f"this is another log. {_REMEDY}"
        )
