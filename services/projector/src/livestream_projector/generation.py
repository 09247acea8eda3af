"""Which generation of the read model is folded."""

from typing import Any

import asyncpg


class PartitionCountError(Exception):
    """The topic has another number of partitions than the read model was begun with."""


async def live_generation(pool: asyncpg.Pool, partitions: int) -> int:
    """The live generation, begun here where there is none yet. Raises PartitionCountError, and asyncpg's errors."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE generations IN SHARE ROW EXCLUSIVE MODE")
        row: Any = await connection.fetchrow("SELECT generation, partitions FROM generations WHERE state = 'live'")
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
