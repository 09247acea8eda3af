"""Generations of the read model: one is live; a rebuild folds the next one beside it and then switches."""

from enum import StrEnum
from typing import Any, Final

import asyncpg

from livestream.retries import until_it_works
from livestream_projector.baseline import copy_baseline

# Rows of millions of names go one by one.
_DELETE_SECONDS: Final = 3600.0
# While a table waits for those who read to let it go, all others wait behind it.
_DROP_LOCK: Final = "SET LOCAL lock_timeout = '250ms'"

# One of the indexes of words is of all generations: what is in it has been there for as long.
_TAKE_WORD_ERASURES_OVER: Final = """
INSERT INTO word_erasures (generation, since) SELECT $2, since FROM word_erasures WHERE generation = $1
ON CONFLICT (generation) DO UPDATE SET since = least(word_erasures.since, excluded.since)
"""


class GenerationState(StrEnum):
    BUILDING = "building"
    LIVE = "live"
    RETIRED = "retired"


class PartitionCountError(Exception):
    """The topic has another number of partitions than the read model was begun with."""


_LIVE = "SELECT generation, partitions FROM generations WHERE state = 'live'"
_NOT_THERE_YET = """
SELECT count(*) FROM partitions old JOIN partitions new USING (partition)
WHERE old.generation = $1 AND new.generation = $2
  AND (new.messages_offset < old.messages_offset OR new.users_offset < old.users_offset)
"""


async def live_generation(pool: asyncpg.Pool, partitions: int) -> int:
    """The live generation, begun here where there is none yet. Raises PartitionCountError, and asyncpg's errors."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE generations IN SHARE ROW EXCLUSIVE MODE")
        row: Any = await connection.fetchrow(_LIVE)
        if row is None:
            await connection.execute("SELECT create_generation(1, 'live', $1)", partitions)
            return 1
    if row["partitions"] != partitions:
        raise PartitionCountError(
            f"messages.v1 has {partitions} partitions, but was folded with {row['partitions']}: the number is fixed "
            "for a topic's life, since a channel's records must stay in one partition. Restore it, or begin a new "
            "topic and an empty database"
        )
    generation: int = row["generation"]
    return generation


async def users_folded(pool: asyncpg.Pool, generation: int) -> int:
    """The furthest next offset of `users.v1` that a partition stands at. Raises asyncpg's errors."""
    async with pool.acquire() as connection:
        offset: int = await connection.fetchval(
            "SELECT coalesce(max(users_offset), 0) FROM partitions WHERE generation = $1", generation
        )
    return offset


async def begin_next(pool: asyncpg.Pool, *, has_baseline: bool = False) -> tuple[int, int, int]:
    """Begin the generation after the live one; returns both, and the number of partitions.

    What a rebuild that did not come to its end has left is dropped first. The caller sees to it that there is only one.
    With `has_baseline` it begins with what the live generation knows of history that was dropped.
    """
    async with pool.acquire() as connection:
        for (left,) in await connection.fetch("SELECT generation FROM generations WHERE state <> 'live'"):
            await drop(connection, left)
        row: Any = await connection.fetchrow(_LIVE)
        live, partitions = row
        following = live + 1
        async with connection.transaction():
            # A change of the retention that is being settled counts for this one too, or comes before it.
            await connection.execute("LOCK TABLE generations IN SHARE ROW EXCLUSIVE MODE")
            await connection.execute("SELECT create_generation($1, 'building', $2)", following, partitions)
        if has_baseline:
            # Apart from that, since copying may take minutes.
            async with connection.transaction(isolation="repeatable_read"):
                await copy_baseline(connection, live, following)
    return live, following, partitions


async def switch(pool: asyncpg.Pool, live: int, following: int) -> bool:
    """Make `following` the live generation, if every partition of it has reached the live one's offsets."""
    async with pool.acquire() as connection, connection.transaction():
        # Waits for the batches under way, which hold these rows shared, and keeps new ones out.
        await connection.execute("SELECT FROM generations ORDER BY generation FOR UPDATE")
        if await connection.fetchval(_NOT_THERE_YET, live, following):
            return False
        set_state = "UPDATE generations SET state = $2 WHERE generation = $1"
        await connection.execute(set_state, live, GenerationState.RETIRED)
        await connection.execute(set_state, following, GenerationState.LIVE)
        await connection.execute(_TAKE_WORD_ERASURES_OVER, live, following)
    return True


async def drop(connection: Any, generation: int) -> None:
    """Drop all of a generation's rows, all at once: whoever looks at generations finds each with its messages."""

    async def drop_messages() -> None:
        async with connection.transaction():
            await connection.execute(_DROP_LOCK)
            await connection.execute(f"DROP TABLE IF EXISTS messages_{generation:d}")

    async with connection.transaction():
        await connection.execute("DELETE FROM generations WHERE generation = $1", generation, timeout=_DELETE_SECONDS)
        await until_it_works("drop_generation", drop_messages, (asyncpg.LockNotAvailableError,))
