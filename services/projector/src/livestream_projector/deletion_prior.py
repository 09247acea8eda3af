"""Reading what a channel's or a user's deletion reaches: its pairs, and what survives it."""

from typing import Any, Final, NamedTuple

from livestream.fold import (
    NO_DISPLAY_NAME,
    DisplayName,
    Pair,
    PairState,
    PartitionState,
    Prior,
    Survivors,
    UserKey,
)
from livestream_projector.prior import load_channels, load_pairs, load_users, message_state, pair_states

# Pairs that are recounted in one transaction: what else is in the partition waits so long (a quarter of a second), and
# so long Redis is busy with their users (a twentieth).
RECOUNTED_AT_ONCE: Final = 5_000

_PAIRS_OF_CHANNEL = """
SELECT channel, username, messages, last_ms, counted_from_ms FROM pairs
WHERE generation = $1 AND channel = $2 AND username > $3 AND messages > 0 AND counted_from_ms < $4
ORDER BY username LIMIT $5
"""
_PAIRS_OF_USER = """
SELECT channel, username, messages, last_ms, counted_from_ms FROM pairs
WHERE generation = $1 AND username = $2 AND partition = $3
"""
_RECOUNTING = "SELECT channel, reached FROM recounts WHERE generation = $1 AND partition = $2"

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
(SELECT channel_display_name, ts_ms, channel, log_offset FROM messages
 WHERE generation = $1 AND channel = $2 AND ts_ms > $3 AND least(ts_ms, append_ms) > $3 AND posted
   AND channel_display_name IS NOT NULL AND {half}
 ORDER BY ts_ms DESC, log_offset DESC LIMIT 1)
"""
_DISPLAY_NAME_OF_USER = """
(SELECT user_display_name, ts_ms, channel, log_offset FROM messages
 WHERE generation = $1 AND username = $2 AND ts_ms > $3 AND least(ts_ms, append_ms) > $3 AND posted AND partition = $4
   AND user_display_name IS NOT NULL AND {half}
 ORDER BY ts_ms DESC, channel DESC, log_offset DESC LIMIT 1)
"""
# Each half has an index of its own: without one, all that was ever posted would be looked through.
_HALVES = ("visible", "NOT visible")


class ChannelRecount(NamedTuple):
    """The next step of a recount: what `fold_recount` takes."""

    channel: str
    prior: Prior
    reached: str | None


async def load_channel_deletion(
    connection: Any, generation: int, channel: str, deleted_ms: int, partitions: dict[int, PartitionState], at_once: int
) -> tuple[Prior, Survivors, str | None]:
    """What `fold_channel_deletion` takes. `partitions` has the channel's one partition."""
    (partition,) = partitions
    arguments = (generation, channel, deleted_ms)
    survivors = await _survivors(connection, _VISIBLE_OF_CHANNEL, _DISPLAY_NAME_OF_CHANNEL, arguments)
    pairs, reached = await _next_pairs(connection, generation, channel, "", deleted_ms, at_once)
    prior = Prior(partitions, pairs=pairs | await load_pairs(connection, generation, survivors.pairs))
    prior.recounting = await _recounting(connection, generation, partition)
    await _load_behind_pairs(connection, generation, partition, {channel}, prior)
    return prior, survivors, reached


async def load_channel_recount(
    connection: Any, generation: int, partitions: dict[int, PartitionState], at_once: int
) -> ChannelRecount | None:
    """Some channel's next step in the one partition that `partitions` has; None where there is none."""
    (partition,) = partitions
    recounting = await _recounting(connection, generation, partition)
    if not recounting:
        return None
    channel, reached = min(recounting.items())
    deleted_ms = (await load_channels(connection, generation, [channel]))[channel].deleted_ms
    pairs, further = await _next_pairs(connection, generation, channel, reached, deleted_ms, at_once)
    prior = Prior(partitions, pairs=pairs, recounting=recounting)
    await _load_behind_pairs(connection, generation, partition, {channel}, prior)
    return ChannelRecount(channel, prior, further)


async def load_user_deletion(
    connection: Any, generation: int, user: str, deleted_ms: int, partitions: dict[int, PartitionState]
) -> tuple[Prior, Survivors]:
    """What `fold_user_deletion` takes. `partitions` has the one partition that the deletion is applied to."""
    (partition,) = partitions
    prior = Prior(partitions, pairs=pair_states(await connection.fetch(_PAIRS_OF_USER, generation, user, partition)))
    await _load_behind_pairs(connection, generation, partition, {pair.channel for pair in prior.pairs}, prior)
    prior.users |= await load_users(connection, generation, [UserKey(partition, user)])
    arguments = (generation, user, deleted_ms, partition)
    return prior, await _survivors(connection, _VISIBLE_OF_USER, _DISPLAY_NAME_OF_USER, arguments)


async def _load_behind_pairs(
    connection: Any, generation: int, partition: int, channels: set[str], prior: Prior
) -> None:
    prior.channels = await load_channels(connection, generation, channels)
    prior.users = await load_users(connection, generation, {UserKey(partition, pair.user) for pair in prior.pairs})


async def _next_pairs(
    connection: Any, generation: int, channel: str, after: str, deleted_ms: int, at_once: int
) -> tuple[dict[Pair, PairState], str | None]:
    """Pairs of a channel that do not know of its deletion, and the last one's name where there may be more."""
    rows = await connection.fetch(_PAIRS_OF_CHANNEL, generation, channel, after, deleted_ms, at_once)
    return pair_states(rows), rows[-1][1] if len(rows) == at_once else None


async def _recounting(connection: Any, generation: int, partition: int) -> dict[str, str]:
    return {row[0]: row[1] for row in await connection.fetch(_RECOUNTING, generation, partition)}


async def _survivors(connection: Any, visible: str, display_name: str, arguments: tuple[Any, ...]) -> Survivors:
    counted = await connection.fetch(
        "SELECT m.channel, m.username, count(*), max(m.ts_ms) "
        f"{visible} AND least(m.ts_ms, m.append_ms) > $3 GROUP BY m.channel, m.username",
        *arguments,
    )
    ahead = await connection.fetch(f"{_COLUMNS} {visible} AND least(m.ts_ms, m.append_ms) <= $3", *arguments)
    newest = " UNION ALL ".join(display_name.format(half=half) for half in _HALVES)
    names = [DisplayName(*row) for row in await connection.fetch(newest, *arguments)]
    return Survivors(
        pairs=pair_states(counted),
        hidden_ahead=[message_state(row) for row in ahead],
        display=max(names, key=lambda name: name.order, default=NO_DISPLAY_NAME),
    )
