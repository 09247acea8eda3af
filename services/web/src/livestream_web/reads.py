"""What pages and the API read, with one answer to everything that can be wrong with the servers behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, NamedTuple

from aiohttp import web
from prometheus_client import Counter, Histogram

from livestream.cursor import Cursor
from livestream.deltas import MessageRow, NameRow
from livestream.frames import View
from livestream.history import HistoryFilter, HistoryKey, NoWordsError, SearchTooSlowError
from livestream.logs import get_logger
from livestream.name_search import NameSearch, begins_with
from livestream.readmodel import UNAVAILABLE, ReadModel, ViewRead
from livestream.retries import describe
from livestream.serving import Activity, NameKind, NameOrder, NoEpochError, Stand
from livestream_web.paging import NameKey, key_of_message, key_of_moment, key_of_name
from livestream_web.queries import BadParameterError

# So many names of an order are read at once to find some that begin with something: a few milliseconds of Redis's time.
SEEN_THROUGH_ROWS: Final = 1_000
# Searches may be slow, and the connections are for all who read.
SEARCHES_AT_ONCE: Final = 4
# A viewer had rather be told than wait longer; the page asks again by itself.
READ_TIMEOUT_SECONDS: Final = 5.0
TOO_SLOW: Final = "must be rarer, or in one channel, of one user or around a time: too many messages would be looked at"

UNAVAILABLE_READS = Counter(
    "livestream_unavailable_reads_total", "Reads that found no read model, by what was wrong", ["reason"]
)
SEARCH_SECONDS = Histogram(
    "livestream_web_search_seconds",
    "Time to find messages by words, waiting for one's turn included",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_log = get_logger(__name__)


class Reason(StrEnum):
    """`REBUILDING`: the servers answer, and the read model is being loaded."""

    REBUILDING = "rebuilding"
    UNREACHABLE = "unreachable"


class ReadUnavailableError(Exception):
    """Nothing can be read now."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class MessageList(NamedTuple):
    """Messages, newest first. `next`: where the following page begins. `cursor`: at or before what the rows reflect."""

    rows: list[MessageRow]
    next: HistoryKey | None
    cursor: Cursor


class HistoryPart(NamedTuple):
    """Some messages that follow one another, newest first, and where to go on.

    `below`: the place that all of them are below. `newer`: the place above which there are more; None where they go up
    to the newest. `older`: the place below which there are more; None where they go down to the oldest.
    """

    rows: list[MessageRow]
    below: HistoryKey
    newer: HistoryKey | None
    older: HistoryKey | None


class NameList(NamedTuple):
    """Channels or users in an order, exact at `stand.cursor`."""

    rows: list[NameRow]
    next: NameKey | None
    stand: Stand


class Reads:
    """All methods raise ReadUnavailableError; where a filter has words, BadParameterError of these, too."""

    def __init__(self, model: ReadModel, search: NameSearch) -> None:
        self._model = model
        self._search = search
        self._searches = asyncio.Semaphore(SEARCHES_AT_ONCE)

    async def window(self, view: View) -> ViewRead:
        """What a live page of the view shows, exact at its cursor."""
        async with _bounded():
            return await self._model.read(view)

    async def activity(self) -> Activity:
        """How many messages came in the last minutes."""
        async with _bounded():
            return await self._model.serving.activity()

    async def stand(self) -> Stand:
        """The totals, and where they stand."""
        async with _bounded():
            return (await self._model.serving.windows()).stand

    async def name(self, kind: NameKind, name: str) -> tuple[Stand, NameRow | None]:
        """One row; None where the name has no visible message."""
        async with _bounded():
            stand, rows = await self._model.serving.names(kind, [name])
        return stand, rows[0]

    async def names(self, kind: NameKind, order: NameOrder, limit: int, after: NameKey | None) -> NameList:
        """`limit` rows behind `after`."""
        place = None if after is None else (str(after.score), after.name)
        async with _bounded():
            # One more than is shown tells whether anything follows.
            page = await self._model.serving.page(kind, order, limit + 1, place)
        rows = page.rows[:limit]
        return NameList(rows, key_of_name(order, rows[-1]) if len(page.rows) > limit else None, page.stand)

    async def names_beginning(
        self, beginning: str, kind: NameKind, order: NameOrder, limit: int, after: NameKey | None
    ) -> NameList:
        """`limit` rows behind `after`, of the names that begin so."""
        begins = begins_with(beginning)
        top = await self.names(kind, order, SEEN_THROUGH_ROWS, after)
        found = _begun(top, begins, order, limit)
        if found:
            return found
        async with _bounded():
            names = await self._search.candidates(top.stand.generation, kind, beginning)
        if names is None:
            return await self._gone_through(begins, kind, order, limit, after)
        async with _bounded():
            stand, held = await self._model.serving.names(kind, names)
        rows = [row for row in held if row and begins(row) and (after is None or key_of_name(order, row) > after)]
        rows.sort(key=lambda row: key_of_name(order, row))
        return _cut(rows, order, limit, stand)

    async def _gone_through(
        self, begins: Callable[[NameRow], bool], kind: NameKind, order: NameOrder, limit: int, after: NameKey | None
    ) -> NameList:
        """As far through the order as it takes; the answer is at the position of the first read."""
        rows: dict[str, NameRow] = {}
        stand: Stand | None = None
        while True:
            part = await self.names(kind, order, SEEN_THROUGH_ROWS, after)
            stand, after = stand or part.stand, part.next
            rows |= {row.name: row for row in part.rows if begins(row)}
            if len(rows) > limit or after is None:
                return _cut(list(rows.values()), order, limit, stand)

    async def messages(
        self, stand: Stand, wanted: HistoryFilter, limit: int, below: HistoryKey | None = None
    ) -> MessageList:
        """`limit` messages below a place. `stand` was read before: Postgres is never behind what Redis showed."""
        async with _bounded(), self._turn(wanted):
            found = await self._model.history.newest_first(stand.generation, wanted, limit + 1, below)
        rows = found[:limit]
        return MessageList(rows, key_of_message(rows[-1]) if len(found) > limit else None, stand.cursor)

    @asynccontextmanager
    async def _turn(self, wanted: HistoryFilter) -> AsyncIterator[None]:
        if wanted.words is None:
            yield
            return
        with SEARCH_SECONDS.time():
            async with self._searches:
                yield

    async def message(self, stand: Stand, channel: str, id_: str) -> MessageRow | None:
        """One message; None where it is not visible."""
        async with _bounded():
            return await self._model.history.message(stand.generation, channel, id_)

    async def newest(self, stand: Stand, wanted: HistoryFilter, limit: int) -> HistoryPart:
        """The newest messages, as they are now."""
        page = await self.messages(stand, wanted, limit)
        return HistoryPart(page.rows, _upper_end(page.rows, key_of_moment(stand.now_ms)), None, page.next)

    async def below(self, stand: Stand, wanted: HistoryFilter, limit: int, place: HistoryKey) -> HistoryPart:
        """Messages below a place that a page begins at: there are some above it."""
        page = await self.messages(stand, wanted, limit, place)
        return HistoryPart(page.rows, place, place, page.next)

    async def above(self, stand: Stand, wanted: HistoryFilter, limit: int, place: HistoryKey) -> HistoryPart:
        """Messages above a place that a page ends at: there are some below it."""
        async with _bounded(), self._turn(wanted):
            found = await self._model.history.oldest_first(stand.generation, wanted, limit + 1, place)
        rows = found[:limit][::-1]
        upper_end = _upper_end(rows, place)
        return HistoryPart(rows, upper_end, upper_end if len(found) > limit else None, place)

    async def around(
        self, stand: Stand, wanted: HistoryFilter, place: HistoryKey, *, above: int, below: int
    ) -> HistoryPart:
        """So many messages above a place and below it."""
        newer = await self.above(stand, wanted, above, place)
        older = await self.messages(stand, wanted, below, place)
        rows = newer.rows + older.rows
        return HistoryPart(rows, _upper_end(rows, place), newer.newer, older.next)


def _begun(top: NameList, begins: Callable[[NameRow], bool], order: NameOrder, limit: int) -> NameList | None:
    """A page of those that begin so, where the top of an order is enough for it."""
    rows = [row for row in top.rows if begins(row)]
    return _cut(rows, order, limit, top.stand) if len(rows) > limit or top.next is None else None


def _cut(rows: list[NameRow], order: NameOrder, limit: int, stand: Stand) -> NameList:
    return NameList(rows[:limit], key_of_name(order, rows[limit - 1]) if len(rows) > limit else None, stand)


def _upper_end(rows: list[MessageRow], otherwise: HistoryKey) -> HistoryKey:
    """The place just above the first row."""
    return key_of_message(rows[0]).above() if rows else otherwise


READS: Final = web.AppKey("reads", Reads)


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            yield
    except NoWordsError:
        raise BadParameterError("q", "must hold a word, which has a letter or a digit") from None
    except SearchTooSlowError:
        raise BadParameterError("q", TOO_SLOW) from None
    except UNAVAILABLE as error:
        reason = Reason.REBUILDING if isinstance(error, NoEpochError) else Reason.UNREACHABLE
        UNAVAILABLE_READS.labels(reason.value).inc()
        _log.warning("read_unavailable", reason=reason.value, error=describe(error))
        raise ReadUnavailableError(reason) from error
