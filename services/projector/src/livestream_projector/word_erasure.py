"""Erasing the words of deleted users from the indexes of words.

An index of that kind (GIN) never drops a word from its dictionary. So it is made anew, within a day of the deletion,
beside all who read and fold. Deletions that come close together share that: it reads all messages. What is to be done
stands in `word_erasures` from the moment at which a user's rows are erased.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import asyncpg

from livestream.clients import POSTGRES_FAILURES
from livestream.logs import get_logger
from livestream.retries import delays, keep_doing
from livestream_projector import metrics

# One process at a time, whoever believes to be the one; held by a connection. "words" in ASCII.
_WORDS_LOCK: Final = 0x776F726473
_OWNER_LOOK_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 30.0
# An attempt may cost minutes of a core: one that failed is not made again at once.
_FIRST_DELAY_SECONDS: Final = 1.0
_LONGEST_DELAY_SECONDS: Final = 600.0
# A hundred million messages take an hour or so. It waits for all transactions that were there before it, too; whoever
# keeps one open for longer than this is told of in the log, and not waited for in silence.
_REINDEX_SECONDS: Final = 3 * 3_600.0
# The pool's connections wait for a lock for seconds only, so that the fold goes on; this one holds nobody up, and takes
# no more than one core from it. That its process is gone is noticed: else its work would go on for nobody, and hold the
# lock. More memory makes fewer runs over the table.
_SESSION: Final = """
SELECT set_config('lock_timeout', '0', false), set_config('client_connection_check_interval', '10s', false),
       set_config('max_parallel_maintenance_workers', '0', false), set_config('maintenance_work_mem', '256MB', false)
"""
_STAND: Final = """
SELECT erasures, now(), extract(epoch FROM now() - since)::float FROM word_erasures WHERE generation = $1
"""
# What was erased while the indexes were made may be in them.
_DONE: Final = """
WITH done AS (DELETE FROM word_erasures WHERE generation = $1 AND erasures = $2)
UPDATE word_erasures SET since = $3 WHERE generation = $1 AND erasures <> $2
"""
# What an attempt leaves that was broken off, before it has replaced the index or after that.
_BROKEN: Final = """
SELECT indexrelid::regclass::text FROM pg_index
WHERE NOT indisvalid AND indrelid = (SELECT indrelid FROM pg_index WHERE indexrelid = $1::text::regclass)
  AND indexrelid::regclass::text ~ ('^' || $1 || '_cc(new|old)[0-9]*$')
"""

_log = get_logger(__name__)


class _Stand(NamedTuple):
    """The row of `word_erasures`, Postgres's time of the look, and how old the row was then."""

    erasures: int
    looked_at: Any
    age_s: float


class WordEraser:
    """Makes the indexes anew when the first of the erased words is `interval_s` old, where `is_owner` says so."""

    def __init__(self, pool: asyncpg.Pool, generation: int, interval_s: int, is_owner: Callable[[], bool]) -> None:
        self._pool = pool
        self._generation = generation
        self._interval_s = interval_s
        self._is_owner = is_owner
        # Words of messages, and of users' display names.
        self._indexes = (f"messages_{generation:d}_words", "users_beginnings")

    async def run(self) -> None:
        """Erase until cancelled."""
        backoff = partial(delays, _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
        await keep_doing("erase_words", self._erase_and_rest, POSTGRES_FAILURES, backoff)

    async def _erase_and_rest(self) -> float:
        if not self._is_owner():
            metrics.WORDS_TO_ERASE_SECONDS.set(0)
            return _OWNER_LOOK_SECONDS
        await self.erase()
        return min(self._interval_s, _LOOK_SECONDS)

    async def erase(self) -> bool:
        """Make the indexes anew; false where nothing is due, or another process is at it. Raises asyncpg's errors."""
        async with self._pool.acquire() as connection:  # which forgets its lock and settings when it is given back
            stand = await self._due(connection)
            if stand is None or not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _WORDS_LOCK):
                return False
            stand = await self._due(connection)  # as whoever had the lock before has left it
            if stand is None:
                return False
            started = time.monotonic()
            await connection.execute(_SESSION)
            for index in self._indexes:
                await _make_anew(connection, index)
            await connection.execute(_DONE, self._generation, stand.erasures, stand.looked_at)
            metrics.WORD_ERASURES.inc()
            metrics.WORDS_TO_ERASE_SECONDS.set(0)
            _log.info("words_erased", erasures=stand.erasures, seconds=round(time.monotonic() - started, 3))
            return True

    async def _due(self, connection: Any) -> _Stand | None:
        row = await connection.fetchrow(_STAND, self._generation)
        stand = row and _Stand(*row)
        metrics.WORDS_TO_ERASE_SECONDS.set(stand.age_s if stand else 0)
        return stand if stand and stand.age_s >= self._interval_s else None


async def _make_anew(connection: Any, index: str) -> None:
    for (broken,) in await connection.fetch(_BROKEN, index):
        await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {broken}", timeout=_REINDEX_SECONDS)
    await connection.execute(f"REINDEX INDEX CONCURRENTLY {index}", timeout=_REINDEX_SECONDS)
