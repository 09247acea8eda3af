"""Erasing what deletions have hidden: text goes, the row that recognises a repeat stays. In chunks, beside the fold."""

import asyncio
from typing import Any, Final

import asyncpg

from livestream.logs import get_logger
from livestream.retries import RETRIES, delays, describe
from livestream_projector import metrics

_CHUNK_ROWS: Final = 2_000
_IDLE_SECONDS: Final = 1.0

# The column that a deletion looks at, and the display name that it takes along. The other one stays: a channel's newest
# display name may have come with the message of a user who is gone.
_SCOPE_COLUMNS: Final = {"channel": ("channel", "channel_display_name"), "user": ("username", "user_display_name")}
# A message that was hidden before has no text any more, but may have its display name.
_ERASE: Final = """
WITH found AS MATERIALIZED (
    (SELECT channel, id FROM messages
     WHERE generation = $1 AND {column} = $2 AND partition = $3 AND least(ts_ms, append_ms) <= $4
       AND visible
     LIMIT $5)
    UNION ALL
    (SELECT channel, id FROM messages
     WHERE generation = $1 AND {column} = $2 AND partition = $3 AND least(ts_ms, append_ms) <= $4
       AND NOT visible AND {display_name} IS NOT NULL
     LIMIT $5)
), erased AS (
    UPDATE messages SET visible = false, text = '', {display_name} = NULL
    WHERE generation = $1 AND (channel, id) IN (SELECT channel, id FROM found)
    RETURNING 1
)
SELECT (SELECT count(*) FROM found), (SELECT count(*) FROM erased)
"""

_log = get_logger(__name__)


class Eraser:
    """Works through the table `erasures`; any process may, and several at once only do the same work twice."""

    def __init__(self, pool: asyncpg.Pool, generation: int) -> None:
        self._pool = pool
        self._generation = generation

    async def run(self) -> None:
        """Erase until cancelled."""
        waits = delays()
        while True:
            try:
                if not await self.erase_some():
                    await asyncio.sleep(_IDLE_SECONDS)
                waits = delays()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                RETRIES.labels("erase").inc()
                _log.warning("erase_failed", error=describe(error))
                await asyncio.sleep(next(waits))

    async def erase_some(self) -> bool:
        """Erase one chunk of one deletion; false where nothing is left to do."""
        async with self._pool.acquire() as connection:
            planned: Any = await connection.fetchrow(
                "SELECT partition, scope, name, up_to_ms FROM erasures WHERE generation = $1 LIMIT 1", self._generation
            )
            if planned is None:
                return False
            partition, scope, name, up_to_ms = planned
            column, display_name = _SCOPE_COLUMNS[scope]
            statement = _ERASE.format(column=column, display_name=display_name)
            chunk: Any = await connection.fetchrow(statement, self._generation, name, partition, up_to_ms, _CHUNK_ROWS)
            found, erased = chunk
            metrics.ERASED_ROWS.inc(erased)
            if found < _CHUNK_ROWS:  # what was found may have been dropped meanwhile: that does not end it
                await connection.execute(
                    "DELETE FROM erasures WHERE generation = $1 AND partition = $2 AND scope = $3 AND name = $4 "
                    "AND up_to_ms = $5",
                    self._generation, partition, scope, name, up_to_ms,
                )  # fmt: skip
                _log.info("erased", scope=scope, partition=partition)
            return True
