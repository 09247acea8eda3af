"""A database that an older release has filled is brought up to date as it stands."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from livestream.clients import postgres_pool
from livestream.events import MESSAGES_TOPIC, MessagePosted
from livestream.fold import NEVER_MS, Record
from livestream_projector.generation import begin_next, drop, switch
from livestream_projector.retention import load_retention, settle_retention
from livestream_projector.schema import migrate
from livestream_projector.store import Store

FIRST_SCHEMA = "0001"
BEFORE_WORD_ERASURES = "0006"
T0 = 1_000_000
LIVE = 2
BUILDING = 3


def upgrade(database_url: str, revision: str) -> None:
    engine = sqlalchemy.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    config = Config()
    config.set_main_option("script_location", "livestream_projector:migrations")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """Brought up to date from the first schema, with a generation in every state and a deletion to be erased."""
    upgrade(database_url, FIRST_SCHEMA)
    async with postgres_pool(database_url, 3) as connections:
        await connections.execute("SELECT create_generation(1, 'retired', 1)")
        await connections.execute("SELECT create_generation(2, 'live', 1)")
        await connections.execute("SELECT create_generation(3, 'building', 1)")
        await connections.execute("DROP TABLE messages_1")  # where a rebuild was killed on its last steps
        for generation in (2, 3):
            await add_messages(connections, generation)
        await migrate(database_url)
        yield connections


async def add_messages(pool: asyncpg.Pool, generation: int) -> None:
    """Three posts, the second appended while the broker's clock had gone back; a deleted one, and a tombstone."""
    rows = [
        (generation, 0, "c", str(n), "u", T0, append_ms, n, 0, posted, deleted, not deleted, "")
        for n, append_ms, posted, deleted in (
            (0, T0 + 10, True, False), (1, T0, True, False), (2, T0 + 20, True, False),
            (3, T0, True, True), (-1, T0, False, True),
        )
    ]  # fmt: skip
    columns = (
        "generation", "partition", "channel", "id", "username", "ts_ms", "append_ms", "log_offset", "digest",
        "posted", "deleted", "visible", "text",
    )  # fmt: skip
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("messages", records=rows, columns=columns)
        await connection.execute("INSERT INTO pairs VALUES ($1, 0, 'c', 'u', 3, $2)", generation, T0)
        await connection.execute(
            "INSERT INTO channels VALUES ($1, 'c', 0, 3, $2, $3, '', $3, '', -1)", generation, T0, NEVER_MS
        )
        await connection.execute(
            "INSERT INTO partition_users VALUES ($1, 0, 'u', 3, $2, $3, '', $3, '', -1)", generation, T0, NEVER_MS
        )
        await connection.execute("INSERT INTO erasures VALUES ($1, 0, 'user', 'v', $2)", generation, T0)
        await connection.execute(
            "UPDATE partitions SET messages_offset = 4, messages = 3, channels = 1, last_append_ms = $2"
            " WHERE generation = $1",
            generation, T0 + 20,
        )  # fmt: skip


async def bury(_: object) -> None:
    """Dead letters are the business of another test."""


async def test_rows_are_dropped_in_the_order_of_the_log_and_what_was_deleted_last(pool: asyncpg.Pool) -> None:
    """Whenever each was appended: behind a baseline no message is left that was before it on the log."""
    ids = await pool.fetch("SELECT id FROM messages WHERE generation = $1 ORDER BY kept_ms, log_offset", LIVE)
    assert [row[0] for row in ids] == ["0", "1", "2", "-1", "3"]


async def test_what_was_there_before_can_be_searched(pool: asyncpg.Pool) -> None:
    """Messages by an index of each generation that has its messages, names by how they begin."""
    indexed = await pool.fetch("SELECT tablename FROM pg_indexes WHERE indexname LIKE 'messages%words'")
    assert {row[0] for row in indexed} == {"messages_2", "messages_3"}
    for table, name in (("channels", "channel"), ("partition_users", "username")):
        found = f"SELECT count(*) FROM {table} WHERE beginnings({name}, display_name) @@ begun_by(upper({name}))"
        assert await pool.fetchval(found) == 2


async def test_it_is_folded_and_rebuilt_and_its_history_dropped(pool: asyncpg.Pool) -> None:
    await settle_retention(pool, 1)
    retention = await load_retention(pool)
    store = Store(pool, LIVE, bury, retention_changes=len(retention))
    post = MessagePosted("c", "4", "u", "text", T0)
    committed = await store.fold([Record(MESSAGES_TOPIC, 0, 4, T0 + 30, 0, post)], await store.positions([0]))
    assert committed.partitions[0].messages == 4
    live, following, _ = await begin_next(pool, has_baseline=True)
    assert (live, following) == (LIVE, LIVE + 1)
    assert not await switch(pool, live, following), "nothing was folded into it yet"
    rows = await pool.fetch("SELECT generation, state FROM generations ORDER BY generation")
    assert [tuple(row) for row in rows] == [(LIVE, "live"), (LIVE + 1, "building")]


async def test_where_users_were_deleted_before_their_words_are_to_go_from_the_indexes(database_url: str) -> None:
    """Nobody knows whether the indexes were made anew since; where nobody was deleted, nothing is done."""
    upgrade(database_url, BEFORE_WORD_ERASURES)
    async with postgres_pool(database_url, 1) as pool:
        for generation, deleted_ms in ((1, NEVER_MS), (2, T0)):
            await pool.execute("SELECT create_generation($1, 'retired', 1)", generation)
            await pool.execute(
                "INSERT INTO partition_users VALUES ($1, 0, 'u', 3, $2, $3, '', $4, '', -1)",
                generation, T0, deleted_ms, NEVER_MS,
            )  # fmt: skip
        await migrate(database_url)
        assert [row[0] for row in await pool.fetch("SELECT generation FROM word_erasures")] == [2]


async def test_a_schema_of_a_later_release_is_left_as_it_is(pool: asyncpg.Pool, database_url: str) -> None:
    """So a projector of this release goes on beside it, and can be started again."""
    await pool.execute("UPDATE alembic_version SET version_num = 'of tomorrow'")
    await migrate(database_url)
    assert await pool.fetchval("SELECT version_num FROM alembic_version") == "of tomorrow"


async def test_what_is_counted_goes_with_its_generation_and_no_other(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        await drop(connection, BUILDING)
    for table in ("pairs", "channels", "partition_users"):
        assert [row[0] for row in await pool.fetch(f"SELECT DISTINCT generation FROM {table}")] == [LIVE], table
