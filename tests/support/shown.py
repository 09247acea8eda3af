"""What a reader gets from a log, in the witness's terms, and the reading of a log's records for the fold."""

from collections.abc import Iterable
from typing import Any

from livestream.events import USERS_TOPIC, parse_record
from livestream.fold import Record, UserDeletion, deletion_time_ms
from livestream_auditor.witness import LogFacts, LogRecord, ReadModel
from tests.support.logs import PARTITIONS


def read(record: LogRecord) -> Record:
    event = parse_record(record.topic, record.value)
    return Record(record.topic, record.partition, record.offset, record.append_ms, 0, event)  # type: ignore[arg-type]


def read_deletion(record: LogRecord) -> UserDeletion:
    event: Any = parse_record(record.topic, record.value)
    return UserDeletion(record.offset, event.user, deletion_time_ms(event, record.append_ms))


def expected(records: list[LogRecord]) -> dict[str, Any]:
    """By the witness, which shares no code with the fold."""
    model = judge(records)
    return {
        "messages": {(m.channel, m.offset): (m.user, m.ts_ms, m.shown_text) for m in model.visible()},
        "channels": {name: (t.messages, t.last_ms, t.display_name) for name, t in model.channels.items()},
        "users": {name: (t.messages, t.last_ms, t.display_name) for name, t in model.users.items()},
        "pairs": {pair: (t.messages, t.last_ms) for pair, t in model.pairs.items()},
        "totals": model.partition_totals(),
    }


def judge(records: Iterable[LogRecord]) -> ReadModel:
    facts = LogFacts(PARTITIONS)
    deletions = 0
    for record in records:
        facts.take(record)
        deletions += record.topic == USERS_TOPIC
    return ReadModel(facts, dict.fromkeys(range(PARTITIONS), deletions))
