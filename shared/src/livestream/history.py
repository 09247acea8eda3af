"""Messages in Postgres: what pages and the API show beyond the newest ones.

A row is visible where its own flag says so and no deletion of its channel or user is as late as its time: a deletion
hides at once, and the flags follow in chunks. What other partitions know of a user's deletion hides by `ts` only, as it
does for those who follow the deltas: they cannot tell more until the message's own partition does.
"""

from typing import Any, NamedTuple

import asyncpg

from livestream.clients import borrowed
from livestream.deltas import MessageRow, message_row

Positions = dict[int, tuple[int, int]]

_SELECT_VISIBLE = """
SELECT m.channel, m.id, m.username, m.ts_ms, m.append_ms, m.log_offset, m.text, m.edited_ts_ms
FROM messages m
WHERE m.generation = $1 AND m.visible
  AND NOT EXISTS (
    SELECT FROM channels c
    WHERE c.generation = m.generation AND c.channel = m.channel AND c.deleted_ms >= least(m.ts_ms, m.append_ms))
  AND NOT EXISTS (
    SELECT FROM partition_users u
    WHERE u.generation = m.generation AND u.username = m.username
      AND u.deleted_ms >= CASE WHEN u.partition = m.partition THEN least(m.ts_ms, m.append_ms) ELSE m.ts_ms END)
"""

# What is visible is later than this: the index begins there, and not at millions of rows that a deletion has hidden and
# nobody has erased yet.
_LATER_THAN_CHANNEL = """m.ts_ms > (
    SELECT coalesce(max(c.deleted_ms), -4611686018427387904) FROM channels c
    WHERE c.generation = $1 AND c.channel = {})"""
_LATER_THAN_USER = """m.ts_ms > (
    SELECT coalesce(max(u.deleted_ms), -4611686018427387904) FROM partition_users u
    WHERE u.generation = $1 AND u.username = {})"""


class HistoryKey(NamedTuple):
    """Where a page of messages ends: the order key of its last row."""

    ts_ms: int
    channel: str
    offset: int


class HistoryFilter(NamedTuple):
    """Which messages; times are exclusive, in milliseconds since 1970 UTC."""

    channel: str | None = None
    user: str | None = None
    before_ms: int | None = None
    after_ms: int | None = None


class History:
    """Methods raise asyncpg.PostgresError, OSError or TimeoutError where the server fails."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def newest_first(
        self, generation: int, wanted: HistoryFilter, limit: int, below: HistoryKey | None = None
    ) -> list[MessageRow]:
        """Up to `limit` messages in falling order, strictly below `below`."""
        async with borrowed(self._pool) as connection:
            return await newest_first(connection, generation, wanted, limit, below)

    async def newest_at(self, generation: int, wanted: HistoryFilter, limit: int) -> tuple[Positions, list[MessageRow]]:
        """The newest messages, and the offsets that they reflect: partition → next (messages, users) offsets."""
        async with (
            borrowed(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            positions = await connection.fetch(
                "SELECT partition, messages_offset, users_offset FROM partitions WHERE generation = $1", generation
            )
            rows = await newest_first(connection, generation, wanted, limit, None)
        return {row[0]: (row[1], row[2]) for row in positions}, rows


async def newest_first(
    connection: Any, generation: int, wanted: HistoryFilter, limit: int, below: HistoryKey | None = None
) -> list[MessageRow]:
    """As `History.newest_first`, on a connection whose transaction decides what is seen."""
    query = _Query(generation)
    if wanted.user is not None:
        query.where("m.username = {}", wanted.user)
        query.where(_LATER_THAN_USER, wanted.user)
    if wanted.channel is not None:
        query.where("m.channel = {}", wanted.channel)
        query.where(_LATER_THAN_CHANNEL, wanted.channel)
    if wanted.before_ms is not None:
        query.where("m.ts_ms < {}", wanted.before_ms)
    if wanted.after_ms is not None:
        query.where("m.ts_ms > {}", wanted.after_ms)
    # With one channel the index is on (channel, ts_ms, log_offset); a comparison that names the channel cannot use it.
    one_channel = wanted.channel is not None and wanted.user is None
    if below is not None and one_channel:
        query.where("(m.ts_ms, m.log_offset) < ({}, {})", below.ts_ms, below.offset)
    elif below is not None:
        query.where("(m.ts_ms, m.channel, m.log_offset) < ({}, {}, {})", *below)
    order = "m.ts_ms DESC, m.log_offset DESC" if one_channel else "m.ts_ms DESC, m.channel DESC, m.log_offset DESC"
    rows = await connection.fetch(*query.ordered(order, limit))
    return [_row(*row) for row in rows]


class _Query:
    def __init__(self, generation: int) -> None:
        self._text = _SELECT_VISIBLE
        self._arguments: list[Any] = [generation]

    def where(self, condition: str, *values: Any) -> None:
        first = len(self._arguments) + 1
        self._arguments += values
        self._text += " AND " + condition.format(*(f"${number}" for number in range(first, first + len(values))))

    def ordered(self, order: str, limit: int) -> tuple[Any, ...]:
        return (f"{self._text} ORDER BY {order} LIMIT ${len(self._arguments) + 1}", *self._arguments, limit)


def _row(
    channel: str, id_: str, user: str, ts_ms: int, append_ms: int, offset: int, text: str, edited_ts_ms: int | None
) -> MessageRow:
    return message_row(
        channel=channel, id_=id_, user=user, ts_ms=ts_ms, append_ms=append_ms, offset=offset, text=text,
        edited_ts_ms=edited_ts_ms,
    )  # fmt: skip
