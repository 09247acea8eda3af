"""The outbox in Postgres: batches that are committed and not known to be in Redis yet."""

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from livestream_projector.generation import GenerationState
from livestream_projector.writes import RetiredError

# A loader holds this lock while it fills an epoch from a snapshot of Postgres: until it is done, batches behind that
# snapshot must not go, even if the epoch before has them. "loader" in ASCII.
LOADER_LOCK = 0x6C6F61646572

# A drain looks at so many batches at a time; in steady state there are a handful.
CHUNK_BATCHES = 200


class Outbox:
    """Methods raise asyncpg's errors, OSError or TimeoutError where Postgres fails."""

    def __init__(self, pool: asyncpg.Pool, generation: int) -> None:
        self._pool = pool
        self._generation = generation

    async def waiting(self, behind_id: int) -> list[tuple[int, bytes]]:
        """The next batches with an id above `behind_id`, as (id, encoded batch). Ids are not in commit order."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT id, batch FROM outbox WHERE generation = $1 AND id > $2 ORDER BY id LIMIT $3",
                self._generation,
                behind_id,
                CHUNK_BATCHES,
            )
        return [(row["id"], row["batch"]) for row in rows]

    async def committed(self) -> dict[int, tuple[int, int, int]]:
        """Every partition's `PartitionState.position`: what led there is in Redis, or waits here."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT partition, messages_offset, users_offset, recounts FROM partitions WHERE generation = $1",
                self._generation,
            )
        return {partition: (messages, users, recounts) for partition, messages, users, recounts in rows}

    async def check_generation(self) -> None:
        """Raises RetiredError where a rebuild has switched to another generation."""
        async with self._pool.acquire() as connection:
            state = await connection.fetchval("SELECT state FROM generations WHERE generation = $1", self._generation)
        if state != GenerationState.LIVE:
            raise RetiredError(f"generation {self._generation} is not live")

    async def delete(self, choose: Callable[[], Awaitable[Sequence[int]]]) -> bool:
        """Forget batches that Redis has; false, and nothing done, while an epoch is being loaded.

        `choose` names them. It is asked when it is sure that none is loaded until they are gone.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval("SELECT pg_try_advisory_xact_lock_shared($1)", LOADER_LOCK):
                return False
            await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", list(await choose()))
        return True
