"""What was deleted meanwhile, as far as the projector has folded: it asks Postgres."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from livestream.clients import POSTGRES_CONNECT_SECONDS, POSTGRES_FAILURES, POSTGRES_TIMEOUT_SECONDS
from livestream.events import MessagePosted
from livestream.retries import describe
from livestream_local.dead_letters.judging import Deletions
from livestream_local.errors import LauncherError

_CHANNELS: Final = """
SELECT channel, deleted_ms FROM channels JOIN generations USING (generation)
WHERE state = 'live' AND channel = ANY($1)
"""
_USERS: Final = """
SELECT username, max(deleted_ms) FROM partition_users JOIN generations USING (generation)
WHERE state = 'live' AND username = ANY($1)
GROUP BY username
"""


class ReadModelDeletions:
    """Reads from one connection to Postgres."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def of(self, posts: Sequence[MessagePosted]) -> Deletions:
        """Those of the channels and users of `posts`. Raises LauncherError."""
        try:
            channels = await self._connection.fetch(_CHANNELS, list({post.channel for post in posts}))
            users = await self._connection.fetch(_USERS, list({post.user for post in posts}))
        except POSTGRES_FAILURES as error:
            raise _unreadable(error) from None
        return Deletions(dict(map(tuple, channels)), dict(map(tuple, users)))


@asynccontextmanager
async def reading_deletions(database_url: str) -> AsyncIterator[ReadModelDeletions]:
    """Raises LauncherError where Postgres cannot be reached."""
    try:
        connection = await asyncpg.connect(
            database_url, timeout=POSTGRES_CONNECT_SECONDS, command_timeout=POSTGRES_TIMEOUT_SECONDS
        )
    except POSTGRES_FAILURES as error:
        raise _unreadable(error) from None
    try:
        yield ReadModelDeletions(connection)
    finally:
        await connection.close()


def _unreadable(error: BaseException) -> LauncherError:
    return LauncherError(f"Postgres cannot tell what was deleted meanwhile: {describe(error)}")
