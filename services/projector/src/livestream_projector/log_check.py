"""Whether the log is still the one that was folded. One that does not fit stops the process: no jumping over it."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
from livestream.fold import PartitionState
from livestream.kafka import AIOKafkaConsumer
from livestream_projector.consumer import new_consumer
from livestream_projector.decode import checksum_of
from livestream_projector.passed_log import Passed

_USERS: Final = TopicPartition(USERS_TOPIC, 0)
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


async def check_log(
    bootstrap_servers: str, states: dict[int, PartitionState], passed: Mapping[int, Passed]
) -> dict[int, int]:
    """Compare the log with where the fold stands; returns the offset at which each partition goes on.

    Raises LogChangedError, and KafkaError while the broker is away.
    """
    if not states:
        return {}
    folded = _folded(states)
    passed = {partition: _passed(state, passed[partition]) for partition, state in states.items()}
    needed = {_messages(partition): at.messages_offset for partition, at in passed.items()}
    needed[_USERS] = min(at.users_offset for at in passed.values())
    consumer = new_consumer(bootstrap_servers, group=None)
    try:
        await consumer.start()
        firsts = await consumer.beginning_offsets(list(folded))
        ends = await consumer.end_offsets(list(folded))
        consumer.assign(list(folded))
        for partition, most in folded.items():
            _check_range(partition, needed[partition], most.offset, firsts[partition], ends[partition])
            if most.offset > firsts[partition]:
                await _check_last_record(consumer, partition, most)
    finally:
        await consumer.stop()
    return {partition: at.messages_offset for partition, at in passed.items()}


def _folded(states: dict[int, PartitionState]) -> dict[TopicPartition, _Folded]:
    """The most that was folded of each: every partition reads `users.v1` at a pace of its own."""
    messages = {
        _messages(partition): _Folded(state.messages_offset, state.last_checksum) for partition, state in states.items()
    }
    return messages | {_USERS: max(_Folded(state.users_offset, state.users_checksum) for state in states.values())}


def _passed(state: PartitionState, noted: Passed) -> Passed:
    return Passed(max(state.messages_offset, noted.messages_offset), max(state.users_offset, noted.users_offset))


def _messages(partition: int) -> TopicPartition:
    return TopicPartition(MESSAGES_TOPIC, partition)


def _check_range(partition: TopicPartition, needed: int, folded: int, first: int, end: int) -> None:
    at = f"{partition.topic}/{partition.partition}"
    if end < folded:
        raise LogChangedError(f"{at} ends at offset {end}, but was folded up to {folded}: its tail is gone. {_REMEDY}")
    if first > needed:
        raise LogChangedError(
            f"{at} begins at offset {first}, but was folded only up to {needed}: records were dropped before they were "
            f"folded. {_REMEDY}"
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
