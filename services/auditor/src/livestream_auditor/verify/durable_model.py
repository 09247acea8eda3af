"""Postgres: every row of the live generation, at the offsets that its own snapshot shows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

import asyncpg

from livestream import times
from livestream.clients import POSTGRES_FAILURES
from livestream.retries import describe
from livestream_auditor.verify.findings import CouldNotRunError, Section, UnsettledError
from livestream_auditor.verify.log_reader import Positions
from livestream_auditor.verify.rows import MessageSeen, NameSeen, message_expected, name_expected
from livestream_auditor.witness import MessageFacts, NameTally, ReadModel, message_key, text_digest

_CONNECT_SECONDS: Final = 10.0
_ROWS_AT_A_TIME: Final = 5000

_MESSAGES: Final = "visible messages"

_POSITIONS = """
SELECT partition, messages_offset, users_offset, messages, channels, recounting FROM partitions WHERE generation = $1
"""
# A deletion hides at once what is not later than it, in the partition that has heard of it; flags follow in chunks.
VISIBLE = """
SELECT m.partition, m.channel, m.id, m.username, m.ts_ms, m.append_ms, m.log_offset, m.text, m.edited_ts_ms
FROM messages m
LEFT JOIN channels c ON c.generation = m.generation AND c.channel = m.channel
LEFT JOIN partition_users u
  ON u.generation = m.generation AND u.partition = m.partition AND u.username = m.username
WHERE m.generation = $1 AND m.visible
  AND least(m.ts_ms, m.append_ms) > coalesce(c.deleted_ms, -4611686018427387904)
  AND least(m.ts_ms, m.append_ms) > coalesce(u.deleted_ms, -4611686018427387904)
"""
_UNERASED = "SELECT count(*) FROM messages WHERE generation = $1 AND NOT visible AND text <> ''"
PAIRS = "SELECT channel, username, messages, last_ms FROM pairs WHERE generation = $1 AND messages <> 0"
CHANNELS = "SELECT channel, messages, last_ms, display_name FROM channels WHERE generation = $1 AND messages <> 0"
SHARES = """
SELECT partition, username, messages, last_ms, display_name FROM partition_users WHERE generation = $1 AND messages <> 0
"""


class DurableSnapshot(NamedTuple):
    """One REPEATABLE READ snapshot: its rows are read through `connection`.

    `recounting`: whether users' counts still follow the deletion of a channel.
    """

    connection: Any
    generation: int
    positions: Positions
    partition_totals: dict[int, tuple[int, int]]
    recounting: bool = False

    def check_settled(self) -> None:
        """Raises UnsettledError."""
        if self.recounting:
            raise UnsettledError


@asynccontextmanager
async def open_durable_model(
    database_url: str, statement_timeout_s: float | None = None
) -> AsyncIterator[DurableSnapshot]:
    """Raises CouldNotRunError where Postgres cannot be read, or holds no live generation."""
    try:
        connection = await asyncpg.connect(database_url, timeout=_CONNECT_SECONDS, command_timeout=statement_timeout_s)
    except POSTGRES_FAILURES as error:
        raise CouldNotRunError(f"Postgres cannot be reached: {describe(error)}") from None
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            generation = await _live_generation(connection)
            rows = await connection.fetch(_POSITIONS, generation)
            positions = {row[0]: (row[1], row[2]) for row in rows}
            totals = {row[0]: (row[3], row[4]) for row in rows}
            yield DurableSnapshot(connection, generation, positions, totals, any(row[5] for row in rows))
    except POSTGRES_FAILURES as error:
        raise CouldNotRunError(f"Postgres cannot be read: {describe(error)}") from None
    finally:
        await connection.close()


async def _live_generation(connection: Any) -> int:
    with suppress(asyncpg.UndefinedTableError):  # until a projector has started on the database
        generation: int | None = await connection.fetchval("SELECT generation FROM generations WHERE state = 'live'")
        if generation is not None:
            return generation
    raise CouldNotRunError("Postgres holds no live read model yet")


async def compare_durable_model(snapshot: DurableSnapshot, model: ReadModel, section: Section) -> None:
    """`model` is the witness's, at the position of `snapshot`. Raises UnsettledError."""
    snapshot.check_settled()
    connection, generation = snapshot.connection, snapshot.generation
    section.check_all("partitions: messages, channels", model.partition_totals(), snapshot.partition_totals)
    pairs = await connection.fetch(PAIRS, generation)
    section.check_all(
        "pairs", expected_pairs(model), {(row[0], row[1]): (row[2], times.format_ms(row[3])) for row in pairs}
    )
    channels = await connection.fetch(CHANNELS, generation)
    section.check_all("channels", expected_names(model.channels), {row[0]: found_name(*row[1:]) for row in channels})
    shares = await connection.fetch(SHARES, generation)
    section.check_all(
        "users by partition", expected_names(model.shares), {(row[0], row[1]): found_name(*row[2:]) for row in shares}
    )
    await _compare_messages(snapshot, model, section)
    section.check("erased texts", "hidden rows with a text", 0, await connection.fetchval(_UNERASED, generation))


async def _compare_messages(snapshot: DurableSnapshot, model: ReadModel, section: Section) -> None:
    section.compared[_MESSAGES] += 0
    matched = 0
    async for row in snapshot.connection.cursor(VISIBLE, snapshot.generation, prefetch=_ROWS_AT_A_TIME):
        _, channel, id_, *_ = row
        message = model.find(message_key(channel, id_))
        matched += message is not None
        section.check(_MESSAGES, (channel, id_), expected_message(message, model), found_message(row))
    if matched != model.totals[0]:
        await _name_missing(snapshot, model, section)


async def _name_missing(snapshot: DurableSnapshot, model: ReadModel, section: Section) -> None:
    """Only now is it worth remembering which messages were found; the witness knows them by channel and offset."""
    rows = snapshot.connection.cursor(VISIBLE, snapshot.generation, prefetch=_ROWS_AT_A_TIME)
    found = {(row[1], row[6]) async for row in rows}
    for message in model.visible():
        if (message.channel, message.offset) not in found:
            section.check(_MESSAGES, (message.channel, message.offset), expected_message(message, model), None)


def expected_message(message: MessageFacts | None, model: ReadModel) -> tuple[int, MessageSeen] | None:
    return (model.partition_of(message.channel), message_expected(message)) if message else None


def found_message(row: Any) -> tuple[int, MessageSeen]:
    partition, channel, _, user, ts_ms, _, offset, text, edited_ts_ms = row
    edited_at = None if edited_ts_ms is None else times.format_ms(edited_ts_ms)
    seen = MessageSeen(channel, offset, user, times.format_ms(ts_ms), text_digest(text).hex(), edited_at)
    return (partition, seen)


def expected_pairs(model: ReadModel) -> dict[tuple[str, str], tuple[int, str]]:
    return {pair: (tally.messages, times.format_ms(tally.last_ms)) for pair, tally in model.pairs.items()}


def found_pairs(rows: Sequence[Any]) -> dict[tuple[str, str], tuple[int, str]]:
    return {(row[0], row[1]): (row[2], times.format_ms(row[3])) for row in rows}


def expected_names(tallies: dict[Any, NameTally]) -> dict[Any, NameSeen]:
    return {key: name_expected(tally) for key, tally in tallies.items()}


def found_name(messages: int, last_ms: int, display_name: str) -> NameSeen:
    return NameSeen(messages, times.format_ms(last_ms), display_name)
