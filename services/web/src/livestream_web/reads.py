"""What pages and the API read, with one answer to everything that can be wrong with the servers behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Final, Literal, NamedTuple

from aiohttp import web
from prometheus_client import Counter

from livestream.cursor import Cursor
from livestream.deltas import MessageRow, NameRow
from livestream.frames import View
from livestream.history import HistoryFilter, HistoryKey
from livestream.logs import get_logger
from livestream.readmodel import UNAVAILABLE, ReadModel, ViewRead
from livestream.retries import describe
from livestream.serving import Activity, NameOrder, NoEpochError, Stand
from livestream_web.paging import NameKey, key_of_message, key_of_name

NameKind = Literal["channels", "users"]

# A viewer had rather be told than wait longer; the page asks again by itself.
READ_TIMEOUT_SECONDS: Final = 5.0

UNAVAILABLE_READS = Counter(
    "livestream_unavailable_reads_total", "Reads that found no read model, by what was wrong", ["reason"]
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


class NameList(NamedTuple):
    """Channels or users in an order, exact at `stand.cursor`."""

    rows: list[NameRow]
    next: NameKey | None
    stand: Stand


class Reads:
    """All methods raise ReadUnavailableError."""

    def __init__(self, model: ReadModel) -> None:
        self._model = model

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

    async def messages(
        self, stand: Stand, wanted: HistoryFilter, limit: int, below: HistoryKey | None = None
    ) -> MessageList:
        """`limit` messages below a place. `stand` was read before: Postgres is never behind what Redis showed."""
        async with _bounded():
            found = await self._model.history.newest_first(stand.generation, wanted, limit + 1, below)
        rows = found[:limit]
        return MessageList(rows, key_of_message(rows[-1]) if len(found) > limit else None, stand.cursor)


READS: Final = web.AppKey("reads", Reads)


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READ_TIMEOUT_SECONDS):
            yield
    except UNAVAILABLE as error:
        reason = Reason.REBUILDING if isinstance(error, NoEpochError) else Reason.UNREACHABLE
        UNAVAILABLE_READS.labels(reason.value).inc()
        _log.warning("read_unavailable", reason=reason.value, error=describe(error))
        raise ReadUnavailableError(reason) from error
