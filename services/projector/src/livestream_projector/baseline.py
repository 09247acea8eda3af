"""What a rebuild cannot fold anew, since its history was dropped: copied from the live generation.

The log may not reach back to a message that was dropped, nor to a deletion or a repeat that was about one. What the
live fold made of them stands: what dropped messages count, when names were deleted last, which names were displayed,
which messages are deleted, and which posts repeat one that was dropped. Replaying the rest on top changes none of it.
"""

from typing import Any, Final

from livestream.fold import NEVER_MS

# Of millions of names; nobody waits for it.
_COPY_SECONDS: Final = 3600.0

_PAIRS: Final = """
INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms,
                   dropped, dropped_last_ms)
SELECT $2, partition, channel, username, dropped, dropped_last_ms, counted_from_ms, dropped, dropped_last_ms
FROM settled_pairs WHERE generation = $1 AND dropped > 0
"""
_CHANNELS: Final = """
INSERT INTO channels (generation, channel, partition, messages, last_ms, deleted_ms,
                      display_name, display_ts_ms, display_channel, display_offset)
SELECT $2, c.channel, c.partition, coalesce(sum(p.dropped), 0), coalesce(max(p.dropped_last_ms), $3), c.deleted_ms,
       c.display_name, c.display_ts_ms, c.display_channel, c.display_offset
FROM channels c
LEFT JOIN settled_pairs p ON p.generation = c.generation AND p.channel = c.channel AND p.dropped > 0
WHERE c.generation = $1
GROUP BY c.generation, c.channel
"""
_USERS: Final = """
INSERT INTO partition_users (generation, partition, username, messages, last_ms, deleted_ms,
                             display_name, display_ts_ms, display_channel, display_offset)
SELECT $2, u.partition, u.username, coalesce(sum(p.dropped), 0), coalesce(max(p.dropped_last_ms), $3), u.deleted_ms,
       u.display_name, u.display_ts_ms, u.display_channel, u.display_offset
FROM partition_users u
LEFT JOIN settled_pairs p
  ON p.generation = u.generation AND p.partition = u.partition AND p.username = u.username AND p.dropped > 0
WHERE u.generation = $1
GROUP BY u.generation, u.username, u.partition
"""
_DELETED_MESSAGES: Final = """
INSERT INTO messages (generation, partition, channel, id, username, ts_ms, append_ms, log_offset, digest,
                      posted, deleted, visible, text, kept_ms)
SELECT $2, partition, channel, id, '', $3, $3, log_offset, digest, false, true, false, '', kept_ms
FROM messages WHERE generation = $1 AND deleted
"""
_REPEATS: Final = """
INSERT INTO repeats (generation, partition, log_offset, original_offset)
SELECT $2, r.partition, r.log_offset, r.original_offset
FROM repeats r JOIN partitions p ON p.generation = $1 AND p.partition = r.partition
WHERE r.generation = $1 AND r.log_offset >= p.baseline_offset AND r.original_offset < p.baseline_offset
"""
_PARTITIONS: Final = """
UPDATE partitions building
SET messages_offset = live.baseline_offset, baseline_offset = live.baseline_offset,
    dropped_before_ms = live.dropped_before_ms, messages = counted.messages, channels = counted.channels
FROM partitions live
CROSS JOIN LATERAL (
    SELECT coalesce(sum(messages), 0) AS messages, count(*) FILTER (WHERE messages > 0) AS channels
    FROM channels WHERE generation = $2 AND partition = live.partition) AS counted
WHERE building.generation = $2 AND live.generation = $1 AND building.partition = live.partition
"""
_KEPT_BELOW: Final = """
SELECT count(*) FROM messages
WHERE generation = $1 AND partition = $2 AND posted AND NOT deleted AND log_offset >= $3 AND log_offset < $4
"""
_BEGIN_AT: Final = """
UPDATE partitions building
SET messages_offset = $4, users_offset = $5,
    last_append_ms = CASE WHEN live.messages_offset = $4 THEN live.last_append_ms ELSE building.last_append_ms END,
    last_checksum = CASE WHEN live.messages_offset = $4 THEN live.last_checksum ELSE 0 END,
    users_checksum = CASE WHEN live.users_offset = $5 THEN live.users_checksum ELSE 0 END
FROM partitions live
WHERE building.generation = $2 AND live.generation = $1 AND building.partition = $3 AND live.partition = $3
"""


async def copy_baseline(connection: Any, live: int, following: int) -> None:
    """Let `following` begin with the baseline of `live`. The caller's transaction sees one state of `live`."""
    for statement in (_PAIRS, _REPEATS):
        await connection.execute(statement, live, following, timeout=_COPY_SECONDS)
    for statement in (_CHANNELS, _USERS, _DELETED_MESSAGES):
        await connection.execute(statement, live, following, NEVER_MS, timeout=_COPY_SECONDS)
    await connection.execute(_PARTITIONS, live, following, timeout=_COPY_SECONDS)


async def known_repeats(connection: Any, generation: int) -> frozenset[tuple[int, int]]:
    """(partition, offset) of posts that repeat one before the generation's baseline."""
    rows = await connection.fetch("SELECT partition, log_offset FROM repeats WHERE generation = $1", generation)
    return frozenset((row[0], row[1]) for row in rows)


async def messages_lost(connection: Any, live: int, partition: int, baseline_offset: int, first_offset: int) -> int:
    """How many messages the live generation has of records that the log does not have any more."""
    if first_offset <= baseline_offset:
        return 0  # without looking: where history is kept forever, no index helps
    count: int = await connection.fetchval(
        _KEPT_BELOW, live, partition, baseline_offset, first_offset, timeout=_COPY_SECONDS
    )
    return count


async def begin_at(
    connection: Any, live: int, following: int, partition: int, messages_offset: int, users_offset: int
) -> None:
    """Set where `following` begins to fold a partition."""
    await connection.execute(_BEGIN_AT, live, following, partition, messages_offset, users_offset)
