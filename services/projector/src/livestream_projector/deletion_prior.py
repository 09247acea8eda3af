"""Reading what a channel's or a user's deletion reaches: its pairs, and what survives it."""

from typing import Any

from livestream.fold import (
    NO_DISPLAY_NAME,
    DisplayName,
    PartitionState,
    Prior,
    Survivors,
    UserKey,
)
from livestream_projector.prior import load_channels, load_users, message_state, pair_states

_PAIRS_OF_CHANNEL = "SELECT channel, username, messages, last_ms FROM pairs WHERE generation = $1 AND channel = $2"
_PAIRS_OF_USER = """
SELECT channel, username, messages, last_ms FROM pairs WHERE generation = $1 AND username = $2 AND partition = $3
"""

# Messages whose time is later than a deletion have a later `ts` too, so the indexes that order by it find them.
# A row may be hidden by an earlier deletion of the other kind and not be erased yet: that one is looked up as well.
_VISIBLE_OF_CHANNEL = """
FROM messages m
LEFT JOIN partition_users u ON u.generation = m.generation AND u.username = m.username AND u.partition = m.partition
WHERE m.generation = $1 AND m.visible AND m.channel = $2 AND m.ts_ms > $3
  AND least(m.ts_ms, m.append_ms) > coalesce(u.deleted_ms, -4611686018427387904)
"""
_VISIBLE_OF_USER = """
FROM messages m
LEFT JOIN channels c ON c.generation = m.generation AND c.channel = m.channel
WHERE m.generation = $1 AND m.visible AND m.username = $2 AND m.ts_ms > $3 AND m.partition = $4
  AND least(m.ts_ms, m.append_ms) > coalesce(c.deleted_ms, -4611686018427387904)
"""
_COLUMNS = """
SELECT m.channel, m.id, m.partition, m.posted, m.log_offset, m.username, m.digest, m.ts_ms, m.append_ms,
       m.edited_ts_ms, m.edited_offset, m.channel_display_name, m.user_display_name, m.deleted, m.visible,
       m.kept_ms
"""
_DISPLAY_NAME_OF_CHANNEL = """
SELECT channel_display_name, ts_ms, channel, log_offset FROM messages
WHERE generation = $1 AND channel = $2 AND ts_ms > $3 AND least(ts_ms, append_ms) > $3 AND posted
  AND channel_display_name IS NOT NULL
ORDER BY ts_ms DESC, log_offset DESC LIMIT 1
"""
_DISPLAY_NAME_OF_USER = """
SELECT user_display_name, ts_ms, channel, log_offset FROM messages
WHERE generation = $1 AND username = $2 AND ts_ms > $3 AND least(ts_ms, append_ms) > $3 AND posted AND partition = $4
  AND user_display_name IS NOT NULL
ORDER BY ts_ms DESC, channel DESC, log_offset DESC LIMIT 1
"""


async def load_channel_deletion(
    connection: Any, generation: int, channel: str, deleted_ms: int, partitions: dict[int, PartitionState]
) -> tuple[Prior, Survivors]:
    """`partitions` has the channel's one partition."""
    (partition,) = partitions
    pairs = pair_states(await connection.fetch(_PAIRS_OF_CHANNEL, generation, channel))
    prior = Prior(partitions, pairs=pairs)
    prior.channels = await load_channels(connection, generation, [channel])
    prior.users = await load_users(connection, generation, [UserKey(partition, pair.user) for pair in pairs])
    display = await connection.fetchrow(_DISPLAY_NAME_OF_CHANNEL, generation, channel, deleted_ms)
    arguments = (generation, channel, deleted_ms)
    return prior, await _survivors(connection, _VISIBLE_OF_CHANNEL, arguments, display)


async def load_user_deletion(
    connection: Any, generation: int, user: str, deleted_ms: int, partitions: dict[int, PartitionState]
) -> tuple[Prior, Survivors]:
    """`partitions` has the one partition that the deletion is applied to."""
    (partition,) = partitions
    pairs = pair_states(await connection.fetch(_PAIRS_OF_USER, generation, user, partition))
    prior = Prior(partitions, pairs=pairs)
    prior.channels = await load_channels(connection, generation, {pair.channel for pair in pairs})
    prior.users = await load_users(connection, generation, [UserKey(partition, user)])
    arguments = (generation, user, deleted_ms, partition)
    display = await connection.fetchrow(_DISPLAY_NAME_OF_USER, *arguments)
    return prior, await _survivors(connection, _VISIBLE_OF_USER, arguments, display)


async def _survivors(connection: Any, visible: str, arguments: tuple[Any, ...], display: Any) -> Survivors:
    counted = await connection.fetch(
        "SELECT m.channel, m.username, count(*), max(m.ts_ms) "
        f"{visible} AND least(m.ts_ms, m.append_ms) > $3 GROUP BY m.channel, m.username",
        *arguments,
    )
    ahead = await connection.fetch(f"{_COLUMNS} {visible} AND least(m.ts_ms, m.append_ms) <= $3", *arguments)
    return Survivors(
        pairs=pair_states(counted),
        hidden_ahead=[message_state(row) for row in ahead],
        display=DisplayName(*display) if display else NO_DISPLAY_NAME,
    )
