"""What a deletion looks at: what survives it, and not what is gone, however much that is."""

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import asyncpg
import pytest

from livestream.clients import postgres_pool
from livestream.fold import PartitionState
from livestream.history import HistoryFilter, newest_first
from livestream_projector.deletion_prior import load_channel_deletion, load_user_deletion
from livestream_projector.erasure import Eraser
from livestream_projector.schema import migrate

MESSAGES = 30_000
PAIRS = 3_000
# A few rows of each table that is asked, and of the pages of an index.
FEW_ROWS = 100
DELETED_MS = 50_000_000
_FILL = """
INSERT INTO messages_1 (generation, partition, channel, id, username, ts_ms, append_ms, log_offset, digest, posted,
                        deleted, visible, text, channel_display_name, user_display_name, kept_ms)
SELECT 1, 0, $1, n::text, $2, $3, 1, n, 0, true, NOT $4::boolean, $4, CASE WHEN $4 THEN 'text' ELSE '' END,
       'Channel', 'User', 1
FROM generate_series(1, $5::int) AS n
"""
_LOOKED_AT = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint
FROM pg_stat_xact_user_tables WHERE relname LIKE 'messages%'
"""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate(database_url)
    async with postgres_pool(database_url, 2) as connections:
        await connections.execute("SELECT create_generation(1, 'live', 1)")
        yield connections


async def fill(
    pool: asyncpg.Pool, channel: str, user: str, ts_ms: int, *, visible: bool, count: int = MESSAGES
) -> None:
    await pool.execute(_FILL, channel, user, ts_ms, visible, count)


async def looked_at(connection: Any) -> int:
    count: int = await connection.fetchval(_LOOKED_AT)
    return count


async def test_a_deletion_looks_at_no_message_that_it_takes_away(pool: asyncpg.Pool) -> None:
    """Visible or hidden before, with or without display names."""
    await fill(pool, "big", "heavy", 1, visible=True)
    await fill(pool, "big-hidden", "heavy", 1, visible=False)
    await fill(pool, "other", "other", 1, visible=True)
    await pool.execute("ANALYZE")
    for load, arguments in (
        (load_channel_deletion, ("big", DELETED_MS, {0: PartitionState()}, PAIRS)),
        (load_channel_deletion, ("big-hidden", DELETED_MS, {0: PartitionState()}, PAIRS)),
        (load_user_deletion, ("heavy", DELETED_MS, {0: PartitionState()})),
    ):
        async with pool.acquire() as connection, connection.transaction():
            await load(connection, 1, *arguments)
            assert await looked_at(connection) < FEW_ROWS, (load.__name__, arguments)


async def test_a_read_of_a_deleted_name_steps_over_no_message_that_is_not_erased_yet(pool: asyncpg.Pool) -> None:
    await fill(pool, "big", "heavy", 1, visible=True)
    await pool.execute("INSERT INTO channels VALUES (1, 'big', 0, 0, 1, $1, '', 0, '', 0)", DELETED_MS)
    await pool.execute("INSERT INTO partition_users VALUES (1, 0, 'heavy', 0, 1, $1, '', 0, '', 0)", DELETED_MS)
    await pool.execute("ANALYZE")
    for wanted in (HistoryFilter(channel="big"), HistoryFilter(user="heavy")):
        async with pool.acquire() as connection, connection.transaction():
            assert await newest_first(connection, 1, wanted, 50) == []
            assert await looked_at(connection) < FEW_ROWS, wanted


async def test_what_is_newest_is_erased_first_and_in_the_end_everything(pool: asyncpg.Pool) -> None:
    """Also where thousands have the same time, and where some were hidden before and have a display name only."""
    random = Random(1)
    for ts_ms in (3, 1, 2):
        await fill(pool, "big", f"user-{ts_ms}", ts_ms, visible=True, count=random.randrange(3_000, 5_000))
        await pool.execute("UPDATE messages_1 SET id = id || '-' || ts_ms WHERE id NOT LIKE '%-%'")
    await fill(pool, "big", "hidden", 1, visible=False, count=3_000)
    await fill(pool, "stays", "other", 1, visible=True, count=10)
    await pool.execute("INSERT INTO erasures VALUES (1, 0, 'channel', 'big', $1)", DELETED_MS)
    eraser, left = Eraser(pool, 1), []
    while await eraser.erase_some():
        left.append(await pool.fetchval("SELECT max(ts_ms) FROM messages WHERE channel = 'big' AND visible"))
    seen = [ts_ms for ts_ms in left if ts_ms is not None]
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {1, 2, 3}
    remains = "SELECT count(*) FROM messages WHERE {} AND (visible OR text <> '' OR channel_display_name IS NOT NULL)"
    assert await pool.fetchval(remains.format("channel = 'big'")) == 0
    assert await pool.fetchval(remains.format("channel = 'stays'")) == 10
    assert await pool.fetchval("SELECT count(*) FROM messages WHERE user_display_name IS NULL") == 0
