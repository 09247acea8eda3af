"""What a reader gets from a log or from Postgres, in the witness's terms, and how the fold reads a log's records."""

import json
from collections.abc import Iterable
from typing import Any

import asyncpg

from livestream.events import USERS_TOPIC, Rejected, parse_record
from livestream.fold import Record, UserDeletion, deletion_time_ms
from livestream.history import History, HistoryFilter
from livestream.retention import Retention, check_age
from livestream_auditor.witness import LogFacts, LogRecord, ReadModel, text_digest
from tests.support.logs import PARTITIONS


def read(record: LogRecord, retention: Retention | None = None) -> Record:
    event = parse_record(record.topic, record.value)
    if retention and not isinstance(event, Rejected):
        event = check_age(event, record.append_ms, retention) or event
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


async def rows_of(pool: asyncpg.Pool, generation: int) -> dict[str, Any]:
    """The read model in Postgres, in the witness's terms."""
    history = await History(pool).newest_first(generation, HistoryFilter(), 10_000)
    texts = [(row, json.loads(row.json)) for row in history]
    pairs = await pool.fetch("SELECT * FROM pairs WHERE generation = $1 AND messages > 0", generation)
    channels = await pool.fetch("SELECT * FROM channels WHERE generation = $1 AND messages > 0", generation)
    users = await pool.fetch(
        """
        SELECT username, sum(messages)::bigint AS messages, max(last_ms) FILTER (WHERE messages > 0) AS last_ms,
            (array_agg(display_name ORDER BY display_ts_ms DESC, display_channel DESC, display_offset DESC))[1]
                AS display
        FROM partition_users WHERE generation = $1 GROUP BY username HAVING sum(messages) > 0
        """,
        generation,
    )
    totals = await pool.fetch("SELECT * FROM partitions WHERE generation = $1", generation)
    return {
        "messages": {
            (row.channel, shown["offset"]): (row.user, row.ts_ms, text_digest(shown["text"])) for row, shown in texts
        },
        "channels": {r["channel"]: (r["messages"], r["last_ms"], r["display_name"]) for r in channels},
        "users": {r["username"]: (r["messages"], r["last_ms"], r["display"]) for r in users},
        "pairs": {(r["channel"], r["username"]): (r["messages"], r["last_ms"]) for r in pairs},
        "totals": {r["partition"]: (r["messages"], r["channels"]) for r in totals},
    }
