"""Databases to fold into: each turn has a copy of the same one, empty or with a past in it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from livestream.events import MessagePosted
from livestream.fold import NEVER_MS
from livestream.fold.state import digest_of
from livestream.partitioning import partition_of
from livestream_projector.schema import migrate

GENERATION: Final = 1
HISTORY: Final = f"messages_{GENERATION}"  # the table of that generation, with its indexes
EMPTY, FULL = "bench_empty", "bench_full"

# What a peer counts into, and how far it says it is. Names compare by bytes, as ours do.
_PEER_TABLES: Final = """
CREATE TABLE bench_pairs (
    channel text COLLATE "C", username text COLLATE "C", messages bigint NOT NULL, last_ms bigint NOT NULL,
    PRIMARY KEY (channel, username)) WITH (fillfactor = 70);
CREATE TABLE bench_channels (
    channel text COLLATE "C" PRIMARY KEY, messages bigint NOT NULL, last_ms bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE bench_users (
    username text COLLATE "C" PRIMARY KEY, messages bigint NOT NULL, last_ms bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE bench_progress (partition integer PRIMARY KEY, next_offset bigint NOT NULL);
"""
_COLUMNS: Final = (
    ("generation", "int4"), ("partition", "int4"), ("channel", "text"), ("id", "text"), ("username", "text"),
    ("ts_ms", "int8"), ("append_ms", "int8"), ("log_offset", "int8"), ("digest", "int8"), ("posted", "bool"),
    ("deleted", "bool"), ("visible", "bool"), ("text", "text"), ("kept_ms", "int8"),
)  # fmt: skip
_COPY_PAST: Final = f"COPY {HISTORY} ({', '.join(name for name, _ in _COLUMNS)}) FROM STDIN (FORMAT binary)"
_COUNT_PAST: Final = f"""
INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms)
    SELECT generation, partition, channel, username, count(*), max(ts_ms), {NEVER_MS}
    FROM {HISTORY} GROUP BY 1, 2, 3, 4;
INSERT INTO channels (generation, channel, partition, messages, last_ms, deleted_ms,
                      display_name, display_ts_ms, display_channel, display_offset)
    SELECT generation, channel, partition, sum(messages), max(last_ms), {NEVER_MS}, '', {NEVER_MS}, '', -1
    FROM pairs GROUP BY 1, 2, 3;
INSERT INTO partition_users (generation, partition, username, messages, last_ms, deleted_ms,
                             display_name, display_ts_ms, display_channel, display_offset)
    SELECT generation, partition, username, sum(messages), max(last_ms), {NEVER_MS}, '', {NEVER_MS}, '', -1
    FROM pairs GROUP BY 1, 2, 3;
UPDATE partitions p SET messages = c.messages, channels = c.channels
    FROM (SELECT partition, sum(messages) AS messages, count(*) AS channels FROM channels GROUP BY 1) AS c
    WHERE c.partition = p.partition;
"""  # noqa: S608 (it is all ours)
_BLOCK_BYTES: Final = 1024 * 1024


class Databases:
    """Of one server, reached by the URL of any database of it."""

    def __init__(self, database_url: str, partitions: int) -> None:
        self._url = database_url
        self._partitions = partitions

    def url(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    async def make_empty(self) -> None:
        """The schema as the projector makes it, and tables for its peers."""
        self._execute(f"CREATE DATABASE {EMPTY}")
        await migrate(self.url(EMPTY))
        with self.connect(EMPTY) as connection:
            connection.execute("SELECT create_generation(%s, 'live', %s)", (GENERATION, self._partitions))
            connection.execute(_PEER_TABLES)

    def make_full(self, past: Iterable[MessagePosted]) -> None:
        """One in which a past is folded already, as another log's projector left it: the log begins anew behind it."""
        self._execute(f"CREATE DATABASE {FULL} TEMPLATE {EMPTY}")
        with self.connect(FULL) as connection:
            # By the way of all rows, so that the indexes are no denser than those that grew.
            with connection.cursor().copy(_COPY_PAST) as copy:
                copy.set_types([kind for _, kind in _COLUMNS])
                for offset, message in enumerate(past):
                    copy.write_row(self._past_row(offset, message))
            connection.execute(_COUNT_PAST.encode())
            connection.execute("VACUUM (ANALYZE)")

    @contextmanager
    def copy_of(self, template: str, name: str) -> Iterator[str]:
        """Its URL. It is gone afterwards."""
        # As files: through the log of writes, gigabytes of it would be written out during the turn.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            self._execute("CHECKPOINT")
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """Each statement is a transaction."""
        return psycopg.connect(self.url(name), autocommit=True)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _past_row(self, offset: int, message: MessagePosted) -> tuple[Any, ...]:
        channel, user, text, ts_ms = message.channel, message.user, message.text, message.ts_ms
        partition, digest = partition_of(channel, self._partitions), digest_of(user, text)
        return (
            GENERATION, partition, channel, message.id, user, ts_ms, ts_ms, offset, digest, True, False, True, text,
            ts_ms,
        )  # fmt: skip


def export_history(database_url: str, file: Path) -> None:
    """The rows in the order in which they lie in the table, as COPY's own binary format."""
    with psycopg.connect(database_url) as connection, file.open("wb") as rows:
        # Scans of tables this large would else begin where another one is.
        connection.execute("SET synchronize_seqscans = off")
        with connection.cursor().copy(f"COPY {HISTORY} TO STDOUT (FORMAT binary)") as copy:
            for block in copy:
                rows.write(block)


def import_history(database_url: str, file: Path) -> None:
    """What `export_history` wrote, in one transaction."""
    command = f"COPY {HISTORY} FROM STDIN (FORMAT binary)"
    with (
        psycopg.connect(database_url) as connection,
        file.open("rb") as rows,
        connection.cursor() as cursor,
        cursor.copy(command) as copy,
    ):
        while block := rows.read(_BLOCK_BYTES):
            copy.write(block)
