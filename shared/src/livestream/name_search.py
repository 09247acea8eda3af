"""Channels and users by how their names begin: the name itself, or a word of the display name, whatever the case.

Postgres knows which names those may be; the serving copy knows what is shown of them, in which order, at one position.
Where much of an order begins so, that is seen at its top, and Postgres is not asked.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from livestream.clients import borrowed
from livestream.deltas import NameRow
from livestream.serving import NameKind

# Rows of a user lie in every partition that the user has written to. Beyond so many it is quicker to go through an
# order, of which they are a good part.
_MOST_ROWS: Final = 20_000
_WORD_CHARACTER: Final = re.compile(r"[^\W_]")
# OFFSET 0: the planner would go through all rows of the generation beside those that match.
_BEGUN: Final[dict[NameKind, str]] = {
    "channels": """
        SELECT count(*), array_agg(name) FROM (
            SELECT name FROM (
                SELECT generation, channel AS name FROM channels
                WHERE beginnings(channel, display_name) @@ begun_by($2) OFFSET 0) AS matching
            WHERE generation = $1 LIMIT $3) AS found
        """,
    "users": """
        SELECT count(*), array_agg(DISTINCT name) FROM (
            SELECT name FROM (
                SELECT generation, username AS name FROM partition_users
                WHERE beginnings(username, display_name) @@ begun_by($2) OFFSET 0) AS matching
            WHERE generation = $1 LIMIT $3) AS found
        """,
}


class NameSearch:
    """Methods raise asyncpg.PostgresError, OSError or TimeoutError where the server fails."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def candidates(self, generation: int, kind: NameKind, beginning: str) -> list[str] | None:
        """All names that may begin so, and some that do not, in no order. None where there are very many."""
        async with borrowed(self._pool) as connection:
            row: Any = await connection.fetchrow(_BEGUN[kind], generation, beginning, _MOST_ROWS)
        count, names = row
        return None if count == _MOST_ROWS else names or []


def begins_with(beginning: str) -> Callable[[NameRow], bool]:
    """Whether the name, or the display name from one of its words on, begins so."""
    folded = _folded(beginning)
    # A word begins where no letter or digit is before it; what holds none has no word to begin with.
    boundary = r"(?<![^\W_])" if _WORD_CHARACTER.match(folded) else ""
    in_display = re.compile(boundary + re.escape(folded)) if _WORD_CHARACTER.search(folded) else None

    def begins(row: NameRow) -> bool:
        if _folded(row.name).startswith(folded):
            return True
        return bool(row.display_name and in_display and in_display.search(_folded(row.display_name)))

    return begins


def _folded(text: str) -> str:
    """In lower case, letter by letter as Postgres does it: a sigma that ends a word is not the beginning of any."""
    return text.replace("Σ", "σ").lower()
