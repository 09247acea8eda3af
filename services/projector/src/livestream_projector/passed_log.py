"""How far the log is passed: markers of transactions behind the last record are no records, and leave no offset.

Once Kafka has dropped such a marker, with all before it, the log begins behind the last record that was folded. Nobody
can tell then whether a record is missed, unless it is written down before.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import asyncpg

from livestream.clients import POSTGRES_FAILURES
from livestream.logs import get_logger
from livestream.retries import keep_doing

# Kafka keeps what is folded for a day at least.
_INTERVAL_SECONDS: Final = 20.0
_NOTE: Final = """
UPDATE partitions SET passed_offset = $3, users_passed_offset = $4
WHERE generation = $1 AND partition = $2
"""
_PASSED: Final = """
SELECT partition, passed_offset, users_passed_offset FROM partitions
WHERE generation = $1 AND partition = ANY($2::int[])
"""

_log = get_logger(__name__)


class Passed(NamedTuple):
    """Every record before these offsets is folded: of a partition of `messages.v1`, and of `users.v1` into it.

    They may lie before the offsets that the fold has come to since.
    """

    messages_offset: int
    users_offset: int


async def load_passed(pool: asyncpg.Pool, generation: int, partitions: Iterable[int]) -> dict[int, Passed]:
    """Raises asyncpg's errors."""
    async with pool.acquire() as connection:
        rows: Any = await connection.fetch(_PASSED, generation, list(partitions))
    return {row[0]: Passed(row[1], row[2]) for row in rows}


class PassedLog:
    """Writes down what `passed` says of partitions now and then. It stays true, whoever folds them since."""

    def __init__(self, pool: asyncpg.Pool, generation: int, passed: Callable[[], Mapping[int, Passed]]) -> None:
        self._pool = pool
        self._generation = generation
        self._passed = passed
        self._noted: dict[int, Passed] = {}

    async def run(self) -> None:
        """Note until cancelled."""
        await keep_doing("note_passed", self._note_and_rest, POSTGRES_FAILURES)

    async def _note_and_rest(self) -> float:
        await self.note()
        return _INTERVAL_SECONDS

    async def note(self) -> None:
        for partition, passed in self._passed().items():
            if self._noted.get(partition) != passed:
                async with self._pool.acquire() as connection:
                    await connection.execute(_NOTE, self._generation, partition, *passed)
                self._noted[partition] = passed
