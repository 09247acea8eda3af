"""Erasing what deletions have hidden: text goes, the row that recognises a repeat stays. In chunks, beside the fold."""

from typing import Any, Final, NamedTuple

import asyncpg

from livestream.clients import POSTGRES_FAILURES
from livestream.logs import get_logger
from livestream.retries import keep_doing
from livestream_projector import metrics

_CHUNK_ROWS: Final = 2_000
_IDLE_SECONDS: Final = 1.0
_LATEST_MS: Final = 2**62

# The column that a deletion looks at, and the display name that it takes along. The other one stays: a channel's newest
# display name may have come with the message of a user who is gone.
_SCOPE_COLUMNS: Final = {"channel": ("channel", "channel_display_name"), "user": ("username", "user_display_name")}
# The newest first: whoever reads messages starts there, and has to step over each that is hidden and not erased.
_ERASE: Final = """
WITH found AS MATERIALIZED (
    SELECT channel, id, ts_ms FROM messages
    WHERE generation = $1 AND {column} = $2 AND partition = $3 AND least(ts_ms, append_ms) <= $4
      AND visible AND ts_ms <= $5
    ORDER BY ts_ms DESC LIMIT $6
), erased AS (
    UPDATE messages SET visible = false, text = '', {display_name} = NULL
    WHERE generation = $1 AND (channel, id) IN (SELECT channel, id FROM found)
    RETURNING 1
)
SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM erased), (SELECT min(ts_ms) FROM found)
"""
# A message that was hidden before has no text any more, but may have its display name.
_ERASE_NAMES: Final = """
WITH found AS MATERIALIZED (
    SELECT channel, id FROM messages
    WHERE generation = $1 AND {column} = $2 AND partition = $3 AND least(ts_ms, append_ms) <= $4
      AND NOT visible AND {display_name} IS NOT NULL
    LIMIT $5
), erased AS (
    UPDATE messages SET {display_name} = NULL
    WHERE generation = $1 AND (channel, id) IN (SELECT channel, id FROM found)
)
SELECT count(*) FROM found
"""
# A deleted user's words are still in the indexes of words (see word_erasure.py), whether rows were found or not: there
# is also what an edit had replaced, and what the deletion of a message had erased.
_FINISH: Final = """
WITH finished AS (
    DELETE FROM erasures WHERE generation = $1 AND partition = $2 AND scope = $3 AND name = $4 AND up_to_ms = $5
    RETURNING scope
)
INSERT INTO word_erasures (generation) SELECT $1 FROM finished WHERE scope = 'user'
ON CONFLICT (generation) DO UPDATE SET erasures = word_erasures.erasures + 1
"""

_log = get_logger(__name__)


class _Planned(NamedTuple):
    """A row of `erasures`."""

    partition: int
    scope: str
    name: str
    up_to_ms: int


class Eraser:
    """Works through the table `erasures`; any process may, and several at once only do the same work twice."""

    def __init__(self, pool: asyncpg.Pool, generation: int) -> None:
        self._pool = pool
        self._generation = generation
        # How far one erasure has come: what is newer is done, and not to be looked through again by every chunk.
        self._at: tuple[_Planned, int] | None = None

    async def run(self) -> None:
        """Erase until cancelled."""
        await keep_doing("erase", self._erase_and_rest, POSTGRES_FAILURES)

    async def _erase_and_rest(self) -> float:
        return 0 if await self.erase_some() else _IDLE_SECONDS

    async def erase_some(self) -> bool:
        """Erase one chunk of one deletion; false where nothing is left to do."""
        async with self._pool.acquire() as connection:
            row: Any = await connection.fetchrow(
                "SELECT partition, scope, name, up_to_ms FROM erasures WHERE generation = $1 LIMIT 1", self._generation
            )
            if row is None:
                return False
            planned = _Planned(*row)
            # What was found may have been dropped meanwhile, and is not erased then: that does not end it.
            found = await self._erase_chunk(connection, planned)
            if found < _CHUNK_ROWS and await self._erase_names(connection, planned) < _CHUNK_ROWS:
                await connection.execute(_FINISH, self._generation, *planned)
                self._at = None
                _log.info("erased", scope=planned.scope, partition=planned.partition)
            return True

    async def _erase_chunk(self, connection: Any, planned: _Planned) -> int:
        """How many were found."""
        column, display_name = _SCOPE_COLUMNS[planned.scope]
        statement = _ERASE.format(column=column, display_name=display_name)
        newest_ms = self._at[1] if self._at and self._at[0] == planned else _LATEST_MS
        found, erased, oldest_ms = await connection.fetchrow(
            statement, self._generation, planned.name, planned.partition, planned.up_to_ms, newest_ms, _CHUNK_ROWS
        )
        metrics.ERASED_ROWS.inc(erased)
        if found:
            self._at = (planned, oldest_ms)
        return int(found)

    async def _erase_names(self, connection: Any, planned: _Planned) -> int:
        """How many were found."""
        column, display_name = _SCOPE_COLUMNS[planned.scope]
        statement = _ERASE_NAMES.format(column=column, display_name=display_name)
        found: int = await connection.fetchval(
            statement, self._generation, planned.name, planned.partition, planned.up_to_ms, _CHUNK_ROWS
        )
        return found
