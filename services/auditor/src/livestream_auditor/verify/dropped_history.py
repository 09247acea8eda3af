"""Reading the baseline: what retention has dropped, as the durable model remembers it.

It is all that is taken on trust; where history was never dropped, it is empty.
"""

from typing import Final

from livestream.retention import Retention, RetentionChange
from livestream_auditor.verify.durable_model import DurableSnapshot
from livestream_auditor.witness import Baseline, DroppedPair, Shown, message_key

_RETENTION: Final = "SELECT since_ms, keep_ms FROM retention"
_OFFSETS: Final = "SELECT partition, baseline_offset FROM partitions WHERE generation = $1"
_KEPT_FROM: Final = """
SELECT partition, min(log_offset) FROM messages WHERE generation = $1 AND posted AND NOT deleted GROUP BY partition
"""
_PAIRS: Final = """
SELECT channel, username, partition, dropped, dropped_last_ms FROM settled_pairs WHERE generation = $1 AND dropped > 0
"""
_CHANNELS: Final = """
SELECT channel, deleted_ms, display_name, display_ts_ms, display_channel, display_offset
FROM channels WHERE generation = $1
"""
_USERS: Final = """
SELECT partition, username, deleted_ms, display_name, display_ts_ms, display_channel, display_offset
FROM partition_users WHERE generation = $1
"""
_DELETED: Final = "SELECT channel, id, log_offset FROM messages WHERE generation = $1 AND deleted"
_REPEATS: Final = """
SELECT r.partition, r.log_offset FROM repeats r
JOIN partitions p ON p.generation = $1 AND p.partition = r.partition
WHERE r.generation = $1 AND r.log_offset >= p.baseline_offset AND r.original_offset < p.baseline_offset
"""


async def read_offsets(snapshot: DurableSnapshot) -> dict[int, int]:
    """Partition → the first offset of `messages.v1` whose messages are not dropped."""
    return {row[0]: row[1] for row in await snapshot.connection.fetch(_OFFSETS, snapshot.generation)}


async def read_retention(snapshot: DurableSnapshot) -> Retention:
    return Retention(RetentionChange(*row) for row in await snapshot.connection.fetch(_RETENTION))


async def read_baseline(snapshot: DurableSnapshot) -> Baseline:
    """Raises asyncpg's errors, which the snapshot's context makes CouldNotRunError."""
    connection, generation = snapshot.connection, snapshot.generation
    retention = await read_retention(snapshot)
    baseline = Baseline(retention, offsets=await read_offsets(snapshot))
    if not retention.ever_set:
        return baseline
    baseline.kept_from = {row[0]: row[1] for row in await connection.fetch(_KEPT_FROM, generation)}
    for channel, user, *dropped in await connection.fetch(_PAIRS, generation):
        baseline.pairs[channel, user] = DroppedPair(*dropped)
    for channel, deleted_ms, name, *order in await connection.fetch(_CHANNELS, generation):
        baseline.channel_deleted_ms[channel] = deleted_ms
        baseline.channel_names[channel] = Shown(name, (order[0], order[1], order[2]))
    for partition, user, deleted_ms, name, *order in await connection.fetch(_USERS, generation):
        baseline.user_deleted_ms[partition, user] = deleted_ms
        baseline.user_names[partition, user] = Shown(name, (order[0], order[1], order[2]))
    for channel, id_, offset in await connection.fetch(_DELETED, generation):
        key = message_key(channel, id_)
        baseline.deleted_messages[key] = channel
        if offset >= 0:
            baseline.deleted_posts[key] = offset
    baseline.repeats = {(row[0], row[1]) for row in await connection.fetch(_REPEATS, generation)}
    return baseline
