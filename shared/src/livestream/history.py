"""Messages in Postgres: what pages and the API show beyond the newest ones."""

from typing import Any

import asyncpg

from livestream.clients import borrowed
from livestream.deltas import MessageRow, message_row
from livestream.history_query import Direction, HistoryFilter, HistoryKey, MessageQuery
from livestream.message_search import NoWordsError, SearchTooSlowError, search

__all__ = ["History", "HistoryFilter", "HistoryKey", "NoWordsError", "Positions", "SearchTooSlowError", "newest_first"]

Positions = dict[int, tuple[int, int]]


class History:
    """Methods raise asyncpg.PostgresError, OSError or TimeoutError where the server fails.

    Where the filter has words, also NoWordsError and SearchTooSlowError.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def newest_first(
        self, generation: int, wanted: HistoryFilter, limit: int, below: HistoryKey | None = None
    ) -> list[MessageRow]:
        """Up to `limit` messages in falling order, below a place."""
        return await self._read(generation, wanted, limit, Direction.NEWEST_FIRST, below)

    async def oldest_first(
        self, generation: int, wanted: HistoryFilter, limit: int, above: HistoryKey | None = None
    ) -> list[MessageRow]:
        """Up to `limit` messages in rising order, above a place."""
        return await self._read(generation, wanted, limit, Direction.OLDEST_FIRST, above)

    async def message(self, generation: int, channel: str, id_: str) -> MessageRow | None:
        """One message; None where it is not visible."""
        async with borrowed(self._pool) as connection:
            rows = await connection.fetch(*MessageQuery(generation, HistoryFilter(channel)).of_id(id_))
        return _row(*rows[0]) if rows else None

    async def newest_at(self, generation: int, wanted: HistoryFilter, limit: int) -> tuple[Positions, list[MessageRow]]:
        """The newest messages, and the offsets that they reflect: partition → next (messages, users) offsets."""
        async with (
            borrowed(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            positions = await connection.fetch(
                "SELECT partition, messages_offset, users_offset FROM partitions WHERE generation = $1", generation
            )
            rows = await newest_first(connection, generation, wanted, limit)
        return {row[0]: (row[1], row[2]) for row in positions}, rows

    async def _read(
        self, generation: int, wanted: HistoryFilter, limit: int, direction: Direction, place: HistoryKey | None
    ) -> list[MessageRow]:
        async with borrowed(self._pool) as connection:
            if wanted.words is None:
                rows = await connection.fetch(*MessageQuery(generation, wanted, direction, place).first(limit))
            else:
                async with connection.transaction(readonly=True):
                    rows = await search(connection, generation, wanted, limit, direction, place)
        return [_row(*row) for row in rows]


async def newest_first(connection: Any, generation: int, wanted: HistoryFilter, limit: int) -> list[MessageRow]:
    """The newest messages, whatever their words, on a connection whose transaction decides what is seen."""
    return [_row(*row) for row in await connection.fetch(*MessageQuery(generation, wanted).first(limit))]


def _row(
    channel: str, id_: str, user: str, ts_ms: int, append_ms: int, offset: int, text: str, edited_ts_ms: int | None
) -> MessageRow:
    return message_row(
        channel=channel, id_=id_, user=user, ts_ms=ts_ms, append_ms=append_ms, offset=offset, text=text,
        edited_ts_ms=edited_ts_ms,
    )  # fmt: skip
