"""Messages by the words in their text, in the order of all messages: whether few hold a word or most do.

The newest are walked first, as far as `WALKED_ROWS` goes: a word that many hold is found there, and none of its
millions is sorted. What is rarer is found by the index of words, all of it, and the first ones are kept. Neither
depends on what the planner believes of a word. (Measured in docs/decisions/0007-search.md.)
"""

from typing import Any, Final

import asyncpg

from livestream.history_query import Direction, HistoryFilter, HistoryKey, MessageQuery

# So many cost some milliseconds, and hold a page of any word that one message in forty holds.
WALKED_ROWS: Final = 2_000
# A statement that takes longer is ended: the viewer had rather be told to ask for less, and others use the server too.
STATEMENT_TIMEOUT_MS: Final = 3_000

_PARSE: Final = "SELECT websearch_to_tsquery('simple', $1)::text"
# Which plan is good depends on the word; one for all words would be kept after some searches.
_SETTINGS: Final = "SELECT set_config('statement_timeout', $1, true), set_config('plan_cache_mode', $2, true)"


class NoWordsError(Exception):
    """A search without anything that Postgres takes for a word."""


class SearchTooSlowError(Exception):
    """A search that would have to look at too many messages."""


async def search(
    connection: Any,
    generation: int,
    wanted: HistoryFilter,
    limit: int,
    direction: Direction,
    place: HistoryKey | None = None,
) -> list[Any]:
    """Rows of the first `limit` messages that hold `wanted.words`. Needs a transaction, which the settings end with.

    Raises NoWordsError, SearchTooSlowError, and asyncpg's errors.
    """
    await connection.execute(_SETTINGS, str(STATEMENT_TIMEOUT_MS), "force_custom_plan")
    try:
        tsquery: str = await connection.fetchval(_PARSE, wanted.words)
        if not tsquery:
            raise NoWordsError
        query = MessageQuery(generation, wanted, direction, place)
        reached = await connection.fetchrow(*query.reach(WALKED_ROWS))
        found: list[Any] = await connection.fetch(*query.near(WALKED_ROWS, tsquery, limit))
        if reached is None or len(found) == limit:
            return found
        beyond = MessageQuery(generation, wanted, direction, _behind(HistoryKey(*reached), direction))
        found += await connection.fetch(*beyond.all_matching(tsquery, limit - len(found)))
    except asyncpg.QueryCanceledError:
        raise SearchTooSlowError from None
    return found


def _behind(last: HistoryKey, direction: Direction) -> HistoryKey:
    """The place behind a message, as one comes to it."""
    return last if direction is Direction.NEWEST_FIRST else last.above()
