"""Kafka → Postgres with Bytewax and a sink of one's own: history and counts, exactly once in effect.

`python -m bytewax.run program:flow` folds the topic from its begin on. A batch is one transaction: rows are staged by
COPY, those that are new go to the history and are counted, and the next offset is written down. What comes again finds
its row there and counts nothing.

KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL say where. It keeps no snapshots for recovery, which would only cost it time.
"""

import os
import zlib
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from bytewax import operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.outputs import DynamicSink, StatelessSinkPartition  # type: ignore[import-not-found]

TOPIC = "messages.v1"
GENERATION = 1
# As large as ours, whose batches span partitions.
BATCH_RECORDS = 5_000

_COLUMNS = (
    ("partition", "int4"), ("channel", "text"), ("id", "text"), ("username", "text"), ("ts_ms", "int8"),
    ("append_ms", "int8"), ("log_offset", "int8"), ("digest", "int8"), ("text", "text"),
)  # fmt: skip
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_STAGE = (
    f"CREATE TEMPORARY TABLE staged ({', '.join(f'{name} {kind}' for name, kind in _COLUMNS)}) ON COMMIT DELETE ROWS"
)
_COPY = f"COPY staged ({_NAMES}) FROM STDIN (FORMAT binary)"
_FOLD = f"""
WITH fresh AS (
    INSERT INTO messages_{GENERATION} (generation, {_NAMES}, posted, deleted, visible, kept_ms)
    SELECT {GENERATION}, {_NAMES}, true, false, true, append_ms FROM staged ORDER BY log_offset
    ON CONFLICT DO NOTHING RETURNING channel, username, ts_ms
), by_pair AS (
    SELECT channel, username, count(*) AS messages, max(ts_ms) AS last_ms FROM fresh GROUP BY channel, username
), to_pairs AS (
    INSERT INTO bench_pairs AS p (channel, username, messages, last_ms) SELECT * FROM by_pair
    ON CONFLICT (channel, username) DO UPDATE
    SET messages = p.messages + excluded.messages, last_ms = greatest(p.last_ms, excluded.last_ms)
), to_channels AS (
    INSERT INTO bench_channels AS c (channel, messages, last_ms)
    SELECT channel, sum(messages), max(last_ms) FROM by_pair GROUP BY channel
    ON CONFLICT (channel) DO UPDATE
    SET messages = c.messages + excluded.messages, last_ms = greatest(c.last_ms, excluded.last_ms)
)
INSERT INTO bench_users AS u (username, messages, last_ms)
SELECT username, sum(messages), max(last_ms) FROM by_pair GROUP BY username
ON CONFLICT (username) DO UPDATE
SET messages = u.messages + excluded.messages, last_ms = greatest(u.last_ms, excluded.last_ms)
"""  # noqa: S608 (it is all ours)
_ADVANCE = """
INSERT INTO bench_progress AS p (partition, next_offset) VALUES (%s, %s)
ON CONFLICT (partition) DO UPDATE SET next_offset = greatest(p.next_offset, excluded.next_offset)
"""


class Posted(msgspec.Struct):
    """A record's value, as far as it is kept."""

    channel: str
    id: str
    user: str
    text: str
    ts: datetime


_decode = msgspec.json.Decoder(Posted).decode


class HistorySink(DynamicSink):  # type: ignore[misc]
    """Each worker has a connection of its own."""

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "HistoryWriter":
        del step_id, worker_index, worker_count
        return HistoryWriter(os.environ["DATABASE_URL"])


class HistoryWriter(StatelessSinkPartition):  # type: ignore[misc]
    """A batch that arrives is what the source read at once: of one partition, in order."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url)
        with self._connection.transaction():
            self._connection.execute(_STAGE)

    def write_batch(self, items: list[Any]) -> None:
        """Of `KafkaSourceMessage`; all or none of them."""
        next_offsets = {item.partition: item.offset + 1 for item in items}
        with self._connection.transaction(), self._connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                copy.set_types([kind for _, kind in _COLUMNS])
                for item in items:
                    copy.write_row(_row_of(item))
            cursor.execute(_FOLD)
            cursor.executemany(_ADVANCE, list(next_offsets.items()))

    def close(self) -> None:
        self._connection.close()


def _row_of(item: Any) -> tuple[Any, ...]:
    posted = _decode(item.value)
    digest = zlib.crc32(posted.text.encode(), zlib.crc32(posted.user.encode()))
    ts_ms, append_ms = round(posted.ts.timestamp() * 1000), item.timestamp[1]
    return (
        item.partition, posted.channel, posted.id, posted.user, ts_ms, append_ms, item.offset, digest, posted.text,
    )  # fmt: skip


flow = Dataflow("history")
records = op.input(
    "log",
    flow,
    KafkaSource(
        [os.environ["KAFKA_BOOTSTRAP_SERVERS"]],
        [TOPIC],
        batch_size=BATCH_RECORDS,
        add_config={"fetch.wait.max.ms": "20"},
    ),
)
op.output("history", records, HistorySink())
