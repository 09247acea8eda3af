"""Messages by the words in their text, in the order of all messages: whether few hold a word or most do.

The first ones are walked: they show how common the word is. Where that promises a page nearby, more are walked until
it is full, and none of the word's millions is sorted. What is rarer is found by the index of words, all of it, and the
first ones are kept. Neither depends on what the planner believes of a word (figures: docs/decisions/0007-search.md).
"""

import re
from typing import Any, Final

import asyncpg

from livestream.history_query import Direction, HistoryFilter, HistoryKey, MessageQuery

# So many cost a millisecond or some, and tell a word that many hold from one that few do.
SAMPLED_ROWS: Final = 500
# So many cost some hundredths of a second where texts need only be looked through, and hold a page of any word that one
# message in four hundred holds. The index would fetch all messages that hold it.
WALKED_ROWS: Final = 20_000
# The same where the words of each text have to be found.
PARSED_ROWS: Final = 2_000
# A statement that takes longer is ended: the viewer had rather be told to ask for less, and others use the server too.
STATEMENT_TIMEOUT_MS: Final = 3_000
# Holds where a million messages lie that the index found. Where it does not, all that lies near is looked at, too.
_WORK_MEMORY: Final = "32MB"

_PARSE: Final = "SELECT websearch_to_tsquery('simple', $1)::text"
# Which plan is good depends on the word; one for all words would be kept after some searches.
_SETTINGS: Final = """
SELECT set_config('statement_timeout', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('work_mem', $2, true)
"""
_LEXEME: Final = re.compile(r"'((?:[^']|'')*)'")
# How other letters become small may depend on those around them.
_PLAIN: Final = re.compile(r"[!-&(-[\]-~]+")


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
    await connection.execute(_SETTINGS, str(STATEMENT_TIMEOUT_MS), _WORK_MEMORY)
    try:
        tsquery: str = await connection.fetchval(_PARSE, wanted.words)
        if not tsquery:
            raise NoWordsError
        query = MessageQuery(generation, wanted, direction, place)
        found, walked = await _walk(connection, query, tsquery, limit)
        reached = None if len(found) == limit else await connection.fetchrow(*query.reach(walked))
        if reached is None:
            return found
        beyond = MessageQuery(generation, wanted, direction, _behind(HistoryKey(*reached), direction))
        found += await connection.fetch(*beyond.all_matching(tsquery, limit - len(found)))
    except asyncpg.QueryCanceledError:
        raise SearchTooSlowError from None
    return found


async def _walk(connection: Any, query: MessageQuery, tsquery: str, limit: int) -> tuple[list[Any], int]:
    """What is found nearby, and among how many rows."""
    parts = parts_of(tsquery)
    found: list[Any] = await connection.fetch(*query.near(SAMPLED_ROWS, tsquery, parts, limit))
    most = WALKED_ROWS if parts else PARSED_ROWS
    if len(found) == limit or len(found) * most < limit * SAMPLED_ROWS:
        return found, SAMPLED_ROWS
    return await connection.fetch(*query.near(most, tsquery, parts, limit)), most


def parts_of(tsquery: str) -> list[str]:
    """What every text contains that matches, with small letters for capitals; not all that it has to contain."""
    if "|" in tsquery or "!" in tsquery:
        return []
    return [lexeme for lexeme in _LEXEME.findall(tsquery) if _PLAIN.fullmatch(lexeme)]


def _behind(last: HistoryKey, direction: Direction) -> HistoryKey:
    """The place behind a message, as one comes to it."""
    return last if direction is Direction.NEWEST_FIRST else last.above()
