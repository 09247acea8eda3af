"""Words of deleted users are gone from the files of the indexes themselves, whoever is killed or reads meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from livestream.clients import postgres_pool
from livestream.history import History, HistoryFilter
from livestream_projector.erasure import Eraser
from livestream_projector.generation import begin_next, drop, live_generation, switch
from livestream_projector.schema import migrate
from livestream_projector.word_erasure import WordEraser
from tests.support.logs import PARTITIONS, T0
from tests.support.remains import words_in_index
from tests.support.waiting import wait_until_async

GENERATION = 1
WORDS_INDEX, NAMES_INDEX = f"messages_{GENERATION}_words", "users_beginnings"
ANNS_WORDS = {"quixotry", "annwen"}
BOBS_WORDS = {"marmalade", "bobolink"}
AT_ONCE_S = 10
# Whoever waits longer for a lock gives up.
PATIENCE_MS = 100
_WAITING = f"""
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
  AND clock_timestamp() - query_start > '{3 * PATIENCE_MS}ms'
"""
EVERYTHING = HistoryFilter(words="quixotry or marmalade")


@pytest.fixture
async def pool(new_database: Callable[[], str]) -> AsyncIterator[asyncpg.Pool]:
    """Of two users each has a word of their own, in a text and in their display name."""
    url = new_database()
    await migrate(url)
    async with postgres_pool(url, 4, lock_timeout=f"{PATIENCE_MS}ms") as connections:
        await live_generation(connections, PARTITIONS)
        await post(connections, "ann", "a quixotry", "Annwen")
        await post(connections, "bob", "some marmalade", "Bobolink")
        yield connections


async def post(pool: asyncpg.Pool, user: str, text: str, display_name: str) -> None:
    """As it is folded, but for what nobody looks at here."""
    await pool.execute(
        "INSERT INTO messages (generation, partition, channel, id, username, ts_ms, append_ms, log_offset, digest,"
        " posted, deleted, visible, text, user_display_name, kept_ms)"
        " VALUES ($1, 0, 'c', $2, $2, $3, $3, 0, 0, true, false, true, $4, $5, $3)",
        GENERATION, user, T0, text, display_name,
    )  # fmt: skip
    await pool.execute(
        "INSERT INTO partition_users VALUES ($1, 0, $2, 1, $3, 0, $4, $3, 'c', 0)", GENERATION, user, T0, display_name
    )


async def delete_user(pool: asyncpg.Pool, user: str) -> None:
    """As a deletion is folded and then erased from rows."""
    await pool.execute(
        "UPDATE partition_users SET deleted_ms = $3, display_name = '' WHERE generation = $1 AND username = $2",
        GENERATION, user, T0,
    )  # fmt: skip
    await pool.execute("INSERT INTO erasures VALUES ($1, 0, 'user', $2, $3)", GENERATION, user, T0)
    eraser = Eraser(pool, GENERATION)
    while await eraser.erase_some():
        pass


def word_eraser(pool: asyncpg.Pool, interval_s: int = 0) -> WordEraser:
    return WordEraser(pool, GENERATION, interval_s, lambda: True)


async def words_on_disk(pool: asyncpg.Pool) -> set[str]:
    words = ANNS_WORDS | BOBS_WORDS
    return await words_in_index(pool, WORDS_INDEX, words) | await words_in_index(pool, NAMES_INDEX, words)


async def files(pool: asyncpg.Pool) -> list[str]:
    return [
        await pool.fetchval("SELECT pg_relation_filepath($1::text::regclass)", i) for i in (WORDS_INDEX, NAMES_INDEX)
    ]


async def broken_indexes(pool: asyncpg.Pool) -> list[str]:
    found = await pool.fetch("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
    return [row[0] for row in found]


async def found_texts(pool: asyncpg.Pool) -> set[str]:
    rows = await History(pool).newest_first(GENERATION, EVERYTHING, 10)
    return {"marmalade" if "marmalade" in row.json else "quixotry" for row in rows}


@asynccontextmanager
async def held_up(pool: asyncpg.Pool) -> AsyncIterator["asyncio.Task[bool]"]:
    """A word eraser that has waited beyond the pool's patience for somebody who reads an older snapshot."""
    async with pool.acquire() as reader, reader.transaction(isolation="repeatable_read", readonly=True):
        await reader.fetch("SELECT count(*) FROM messages")
        erasing = asyncio.create_task(word_eraser(pool).erase())

        async def waits() -> bool:
            return await pool.fetchval(_WAITING) is not None

        await wait_until_async(waits, what="an index that waits for a reader")
        yield erasing


async def test_after_a_user_is_deleted_the_words_are_gone_from_the_files_and_a_neighbours_stay(
    pool: asyncpg.Pool,
) -> None:
    await delete_user(pool, "ann")
    assert await words_on_disk(pool) == ANNS_WORDS | BOBS_WORDS, "an index keeps the words of rows that are erased"
    assert await word_eraser(pool).erase()
    assert await words_on_disk(pool) == BOBS_WORDS
    assert await found_texts(pool) == {"marmalade"}


async def test_nothing_is_made_anew_before_it_is_due_or_twice(pool: asyncpg.Pool) -> None:
    before = await files(pool)
    assert not await word_eraser(pool).erase(), "nobody was deleted"
    await delete_user(pool, "ann")
    assert not await word_eraser(pool, interval_s=3_600).erase(), "deletions of some hours are to share it"
    assert await files(pool) == before
    assert await word_eraser(pool).erase()
    after = await files(pool)
    assert after != before
    assert not await word_eraser(pool).erase()
    assert await files(pool) == after


async def test_the_deletion_of_a_channel_leaves_its_words(pool: asyncpg.Pool) -> None:
    """The promise is to users; a busy place deletes channels all day long."""
    await pool.execute("INSERT INTO erasures VALUES ($1, 0, 'channel', 'c', $2)", GENERATION, T0)
    eraser = Eraser(pool, GENERATION)
    while await eraser.erase_some():
        pass
    assert not await word_eraser(pool).erase()


async def test_a_rebuild_does_not_put_off_what_is_due(pool: asyncpg.Pool) -> None:
    """The words of display names are in an index of all generations."""
    await delete_user(pool, "ann")
    live, following, _ = await begin_next(pool)
    assert await switch(pool, live, following)
    async with pool.acquire() as connection:
        await drop(connection, live)
    assert await words_in_index(pool, NAMES_INDEX, ANNS_WORDS), "it has seen more generations than one"
    assert await WordEraser(pool, following, 0, lambda: True).erase()
    assert not await words_in_index(pool, NAMES_INDEX, ANNS_WORDS)


async def test_one_process_at_a_time(pool: asyncpg.Pool) -> None:
    await delete_user(pool, "ann")
    async with held_up(pool) as first, asyncio.timeout(AT_ONCE_S):
        assert not await word_eraser(pool).erase()
    assert await first
    assert await words_on_disk(pool) == BOBS_WORDS


async def test_the_words_of_who_is_erased_meanwhile_are_gone_from_the_next_ones(
    pool: asyncpg.Pool,
) -> None:
    await delete_user(pool, "ann")
    async with held_up(pool) as first:
        await delete_user(pool, "bob")
    assert await first
    assert await words_on_disk(pool) & BOBS_WORDS, "they were there when the index was made"
    assert await word_eraser(pool).erase()
    assert await words_on_disk(pool) == set()


async def test_what_is_left_by_one_that_was_killed_goes_and_it_is_done_again(pool: asyncpg.Pool) -> None:
    """Readers and the fold go on meanwhile, and the index is found by nobody but who drops it."""
    await delete_user(pool, "ann")
    for is_orderly in (False, True):
        async with held_up(pool) as killed:
            if is_orderly:
                killed.cancel()
            else:
                await pool.execute("SELECT pg_terminate_backend($1)", await pool.fetchval(_WAITING))
            with pytest.raises((asyncpg.PostgresError, asyncio.CancelledError)):
                await killed
        assert [name.startswith(f"{WORDS_INDEX}_cc") for name in await broken_indexes(pool)] == [True]
        assert await found_texts(pool) == {"marmalade"}
    assert await word_eraser(pool).erase()
    assert await broken_indexes(pool) == []
    assert await words_on_disk(pool) == BOBS_WORDS
