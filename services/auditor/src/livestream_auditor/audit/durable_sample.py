"""Postgres, as far as the witness knows it: all counts of sampled channels, and their messages a part at a time."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from livestream import times
from livestream_auditor.verify.durable_model import (
    CHANNELS,
    PAIRS,
    SHARES,
    VISIBLE,
    DurableSnapshot,
    expected_names,
    expected_pairs,
    found_message,
    found_name,
    found_pairs,
)
from livestream_auditor.verify.findings import Section
from livestream_auditor.verify.rows import messages_expected
from livestream_auditor.witness import MessageFacts, ReadModel

NEWEST_MESSAGES: Final = 500  # more than any window shows
# Of older messages so many a look: a few hundredths of a second, and all of a sample within hours.
_LOOK_MESSAGES: Final = 2_000
_LOOK_CHANNELS: Final = 1_000

# What ChannelSample asks of a name.
_SAMPLED_CHANNELS: Final = f"{CHANNELS} AND ('x' || left(md5(channel), 8))::bit(32)::bigint < $2"
_SAMPLED_PAIRS: Final = f"{PAIRS} AND channel = ANY($2)"
_SAMPLED_VISIBLE: Final = f"{VISIBLE} AND m.channel = ANY($2)"
_COUNTS: Final = f"SELECT channel, count(*) FROM ({_SAMPLED_VISIBLE}) AS visible GROUP BY channel"  # noqa: S608 - ours
_NEWEST: Final = f"{_SAMPLED_VISIBLE} ORDER BY m.ts_ms DESC, m.channel DESC, m.log_offset DESC LIMIT $3"
_PAGE: Final = f"""
{_SAMPLED_VISIBLE} AND (m.channel, m.ts_ms, m.log_offset) > ($3, $4, $5)
ORDER BY m.channel, m.ts_ms, m.log_offset LIMIT $6
"""
_CONSERVATION: Final = """
SELECT p.partition, p.messages, p.channels, coalesce(c.messages, 0), coalesce(c.channels, 0),
       coalesce(u.messages, 0), coalesce(r.messages, 0)
FROM partitions p
LEFT JOIN (SELECT partition, sum(messages)::bigint AS messages, count(*) FILTER (WHERE messages > 0) AS channels
           FROM channels WHERE generation = $1 GROUP BY partition) c USING (partition)
LEFT JOIN (SELECT partition, sum(messages)::bigint AS messages
           FROM partition_users WHERE generation = $1 GROUP BY partition) u USING (partition)
LEFT JOIN (SELECT partition, sum(messages)::bigint AS messages
           FROM pairs WHERE generation = $1 GROUP BY partition) r USING (partition)
WHERE p.generation = $1
"""


class Place(NamedTuple):
    """A message's place in the walk through the sample."""

    channel: str
    ts_ms: int
    offset: int


_BEFORE_ALL: Final = Place("", times.MIN_MS - 1, -1)


async def compare_durable_sample(snapshot: DurableSnapshot, model: ReadModel, after: Place, section: Section) -> Place:
    """`model` is the witness's, at the position of `snapshot`.

    Older messages are looked at from `after` on; returns how far. Raises UnsettledError.
    """
    snapshot.check_settled()
    await _check_conservation(snapshot, section)
    channels = await _compare_counts(snapshot, model, section)
    by_channel: dict[str, list[MessageFacts]] = {channel: [] for channel in channels}
    for message in model.visible():
        by_channel.setdefault(message.channel, []).append(message)
    counts = {row[0]: row[1] for row in await snapshot.connection.fetch(_COUNTS, snapshot.generation, channels)}
    expected_counts = {channel: len(messages) for channel, messages in by_channel.items() if messages}
    section.check_all("visible messages by channel", expected_counts, counts)
    await _compare_newest(snapshot, model, channels, section)
    return await _walk(snapshot, by_channel, after, section)


def walk_start() -> Place:
    return _BEFORE_ALL


async def _check_conservation(snapshot: DurableSnapshot, section: Section) -> None:
    """Without asking the witness: every message counts once by its channel, its user, its pair and its partition."""
    for partition, messages, channels, *counted in await snapshot.connection.fetch(_CONSERVATION, snapshot.generation):
        by_channels, number_of_channels, by_users, by_pairs = counted
        for what, found in (("channels", by_channels), ("users", by_users), ("pairs", by_pairs)):
            section.check("conservation", f"messages by {what} of partition {partition}", messages, found)
        section.check("conservation", f"channels of partition {partition}", channels, number_of_channels)


async def _compare_counts(snapshot: DurableSnapshot, model: ReadModel, section: Section) -> list[str]:
    """Returns all channels that either side knows."""
    connection, generation, sample = snapshot.connection, snapshot.generation, model.sample
    rows = await connection.fetch(_SAMPLED_CHANNELS, generation, sample.below)
    section.check_all("channels", expected_names(model.channels), {row[0]: found_name(*row[1:]) for row in rows})
    channels = sorted({*model.channels, *(row[0] for row in rows)})
    pairs = await connection.fetch(_SAMPLED_PAIRS, generation, channels)
    section.check_all("pairs", expected_pairs(model), found_pairs(pairs))
    if sample.is_whole:
        section.check_all("partitions: messages, channels", model.partition_totals(), snapshot.partition_totals)
        shares = await connection.fetch(SHARES, generation)
        found = {(row[0], row[1]): found_name(*row[2:]) for row in shares}
        section.check_all("users by partition", expected_names(model.shares), found)
    return channels


async def _compare_newest(
    snapshot: DurableSnapshot, model: ReadModel, channels: Sequence[str], section: Section
) -> None:
    rows = await snapshot.connection.fetch(_NEWEST, snapshot.generation, channels, NEWEST_MESSAGES)
    newest = heapq.nlargest(NEWEST_MESSAGES, model.visible(), key=lambda message: message.order)
    section.check_ranked("newest messages", messages_expected(newest), _keyed(rows))


async def _walk(
    snapshot: DurableSnapshot, by_channel: Mapping[str, list[MessageFacts]], after: Place, section: Section
) -> Place:
    """Compare some messages, channel by channel, from where the look before ended; begins anew at the end."""
    channels = [channel for channel in sorted(by_channel) if channel >= after.channel]
    looked_at: list[str] = []
    expected: list[MessageFacts] = []
    for channel in channels[:_LOOK_CHANNELS]:
        looked_at.append(channel)
        expected += sorted((message for message in by_channel[channel] if _place(message) > after), key=_place)
        if len(expected) >= _LOOK_MESSAGES:
            break
    del expected[_LOOK_MESSAGES:]
    rows = await snapshot.connection.fetch(_PAGE, snapshot.generation, looked_at, *after, _LOOK_MESSAGES)
    section.check_ranked("messages", messages_expected(expected), _keyed(rows))
    if len(expected) == _LOOK_MESSAGES:
        return _place(expected[-1])
    rest = channels[len(looked_at) :]
    return Place(rest[0], _BEFORE_ALL.ts_ms, _BEFORE_ALL.offset) if rest else _BEFORE_ALL


def _place(message: MessageFacts) -> Place:
    return Place(message.channel, message.ts_ms, message.offset)


def _keyed(rows: Sequence[Any]) -> list[tuple[Any, Any]]:
    seen = [found_message(row)[1] for row in rows]
    return [(message.key, message) for message in seen]
