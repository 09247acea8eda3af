"""Reading what a batch touches, before it is folded."""

from collections.abc import Iterable
from typing import Any

from livestream.deltas import MessageKey
from livestream.fold import (
    NEVER_MS,
    ChannelState,
    DisplayName,
    MessageState,
    Pair,
    PairState,
    PartitionState,
    Prior,
    Touched,
    UserKey,
    UserState,
    own_counts,
    own_messages,
    own_rows,
    touched_through,
)

_PARTITIONS = """
SELECT partition, messages_offset, users_offset, messages, channels, last_append_ms, last_checksum,
       users_checksum, drops, recounts, recounting
FROM partitions WHERE generation = $1 AND partition = ANY($2::int[])
"""
# Each key by the table's own index, and not by a join: a plan for one is made while a table is as good as empty, and
# kept until Postgres looks at the table a minute later, by when it goes through all rows for each key.
_MESSAGES = """
SELECT m.channel, m.id, m.partition, m.posted, m.log_offset, m.username, m.digest, m.ts_ms, m.append_ms,
       m.edited_ts_ms, m.edited_offset, m.channel_display_name, m.user_display_name, m.deleted, m.visible, m.kept_ms
FROM unnest($2::text[], $3::text[]) AS k(channel, id)
CROSS JOIN LATERAL (
    SELECT * FROM messages WHERE generation = $1 AND channel = k.channel AND id = k.id OFFSET 0) AS m
"""
_CHANNELS = """
SELECT channel, partition, messages, last_ms, deleted_ms, display_name, display_ts_ms, display_channel, display_offset
FROM channels WHERE generation = $1 AND channel = ANY($2::text[])
"""
_USERS = """
SELECT u.partition, u.username, u.messages, u.last_ms, u.deleted_ms,
       u.display_name, u.display_ts_ms, u.display_channel, u.display_offset
FROM unnest($2::int[], $3::text[]) AS k(partition, username)
CROSS JOIN LATERAL (
    SELECT * FROM partition_users
    WHERE generation = $1 AND username = k.username AND partition = k.partition OFFSET 0) AS u
"""
_PAIRS = """
SELECT p.channel, p.username, p.messages, p.last_ms, p.counted_from_ms
FROM unnest($2::text[], $3::text[]) AS k(channel, username)
CROSS JOIN LATERAL (
    SELECT * FROM pairs WHERE generation = $1 AND channel = k.channel AND username = k.username OFFSET 0) AS p
"""


async def load_partitions(connection: Any, generation: int, partitions: Iterable[int]) -> dict[int, PartitionState]:
    """Where the fold of each partition stands."""
    rows = await connection.fetch(_PARTITIONS, generation, list(partitions))
    return {row[0]: PartitionState(*row[1:]) for row in rows}


async def load_prior(
    connection: Any, generation: int, touched: Touched, partitions: dict[int, PartitionState], known: Prior
) -> Prior:
    """The rows behind `touched`, and those that its messages lead to.

    `known`: what a batch before this one has come to, which may not be in Postgres yet.
    """
    prior = Prior(partitions, messages=own_messages(known.messages, touched.messages))
    prior.messages |= await _load_messages(connection, generation, touched.messages - prior.messages.keys())
    through = touched_through(prior.messages.values())
    users, pairs = touched.users | through.users, touched.pairs | through.pairs
    prior.channels = own_rows(known.channels, touched.channels)
    prior.channels |= await load_channels(connection, generation, touched.channels.keys() - prior.channels.keys())
    prior.users = own_counts(known.users, users)
    prior.users |= await load_users(connection, generation, users - prior.users.keys())
    prior.pairs = own_counts(known.pairs, pairs)
    prior.pairs |= await load_pairs(connection, generation, pairs - prior.pairs.keys())
    _hide_what_deletions_reach(prior)
    return prior


async def load_channels(connection: Any, generation: int, names: Iterable[str]) -> dict[str, ChannelState]:
    names = list(names)
    rows = await connection.fetch(_CHANNELS, generation, names) if names else []
    return {row[0]: ChannelState(row[1], row[2], row[3], row[4], DisplayName(*row[5:])) for row in rows}


async def load_users(connection: Any, generation: int, keys: Iterable[UserKey]) -> dict[UserKey, UserState]:
    keys = list(keys)
    if not keys:
        return {}
    rows = await connection.fetch(_USERS, generation, [key.partition for key in keys], [key.user for key in keys])
    return {
        UserKey(row[0], row[1]): UserState(row[2], row[3], row[4], DisplayName(*row[5:]), stored=True) for row in rows
    }


def message_state(row: Any) -> MessageState:
    """A row of `messages` in the order of columns that all queries here use."""
    return MessageState(
        channel=row[0],
        id=row[1],
        partition=row[2],
        posted=row[3],
        offset=row[4],
        user=row[5],
        digest=row[6],
        ts_ms=row[7],
        append_ms=row[8],
        edited_ts_ms=row[9],
        edited_offset=row[10],
        channel_display_name=row[11],
        user_display_name=row[12],
        deleted=row[13],
        visible=row[14],
        kept_ms=row[15],
        stored=True,
    )


async def _load_messages(
    connection: Any, generation: int, keys: Iterable[MessageKey]
) -> dict[MessageKey, MessageState]:
    keys = list(keys)
    rows = await connection.fetch(_MESSAGES, generation, [key.channel for key in keys], [key.id for key in keys])
    messages = (message_state(row) for row in rows)
    return {message.key: message for message in messages}


async def load_pairs(connection: Any, generation: int, keys: Iterable[Pair]) -> dict[Pair, PairState]:
    keys = list(keys)
    if not keys:
        return {}
    rows = await connection.fetch(_PAIRS, generation, [key.channel for key in keys], [key.user for key in keys])
    return pair_states(rows)


def pair_states(rows: Iterable[Any]) -> dict[Pair, PairState]:
    """Rows that begin with channel and user."""
    states = {Pair(row[0], row[1]): PairState(*row[2:]) for row in rows}
    for state in states.values():
        state.stored = True
    return states


def _hide_what_deletions_reach(prior: Prior) -> None:
    """A channel's or user's deletion hides rows before it has erased them: their flags may lag behind."""
    for message in prior.messages.values():
        channel = prior.channels.get(message.channel)
        user = prior.users.get(UserKey(message.partition, message.user))
        deleted_ms = max(channel.deleted_ms if channel else NEVER_MS, user.deleted_ms if user else NEVER_MS)
        message.visible = message.visible and message.time_ms > deleted_ms
