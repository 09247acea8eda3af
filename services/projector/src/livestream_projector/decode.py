"""From Kafka's records to what the fold takes: pure, one record at a time."""

import zlib
from typing import Any

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected, UserDeleted, check_future, parse_record
from livestream.fold import Record, UserDeletion, deletion_time_ms
from livestream.partitioning import partition_of
from livestream.retention import Retention, check_age


def checksum_of(record: Any) -> int:
    """CRC-32 over key, value and append time: what tells a log from another one made in its place."""
    content = b"\0".join((record.key or b"", record.value or b"", str(record.timestamp).encode()))
    return zlib.crc32(content)


def read_message(record: Any, partitions: int, retention: Retention) -> Record:
    """One record of `messages.v1` (an aiokafka ConsumerRecord)."""
    event = parse_record(MESSAGES_TOPIC, record.value, record.headers)
    if not isinstance(event, Rejected):
        assert not isinstance(event, UserDeleted), "parse_record refuses it on this topic"
        event = (
            check_future(event, record.timestamp)
            or check_age(event, record.timestamp, retention)
            or _check_partition(event.channel, record.partition, partitions)
            or event
        )
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        append_ms=record.timestamp,
        checksum=checksum_of(record),
        event=event,
    )


def read_user_deletion(record: Any, retention: Retention) -> UserDeletion | Rejected:
    """One record of `users.v1`."""
    event = parse_record(USERS_TOPIC, record.value, record.headers)
    if isinstance(event, Rejected):
        return event
    assert isinstance(event, UserDeleted), "parse_record refuses the others on this topic"
    refused = check_future(event, record.timestamp) or check_age(event, record.timestamp, retention)
    return refused or UserDeletion(
        record.offset, event.user, deletion_time_ms(event, record.timestamp), checksum_of(record)
    )


def _check_partition(channel: str, partition: int, partitions: int) -> Rejected | None:
    right = partition_of(channel, partitions)
    if right == partition:
        return None
    return Rejected("wrong-partition", f"this channel belongs into partition {right}, not {partition}", "channel")
