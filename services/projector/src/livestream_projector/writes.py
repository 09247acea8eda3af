"""Writing what a batch changed: one transaction, conditional on the offsets as they were when the batch began."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from livestream.deltas import encode_batch
from livestream.fold import NEVER_MS, Changes, DisplayName, MessageState, Pair, Repeat, UserKey
from livestream_projector import failpoints
from livestream_projector.failpoints import Failpoint
from livestream_projector.generation import GenerationState


class FencedError(Exception):
    """Another process has moved a partition's offsets since: it owns the partition now, and nothing was written."""


class RetiredError(Exception):
    """The generation is not to be folded so any more, and nothing was written.

    A rebuild has switched to the next one, or RETENTION_DAYS was changed, and events are judged by it from then on.
    """


# Shared by all who fold; a rebuild that switches waits for them, and they for it.
_HOLD_GENERATION = "SELECT state, retention_changes FROM generations WHERE generation = $1 FOR SHARE"
_ADVANCE = """
UPDATE partitions p
SET messages_offset = n.messages_offset, users_offset = n.users_offset, messages = n.messages, channels = n.channels,
    last_append_ms = n.last_append_ms, last_checksum = n.last_checksum, users_checksum = n.users_checksum,
    recounts = n.recounts, recounting = n.recounting
FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::int[], $13::bigint[], $14::bigint[], $15::bigint[])
  AS n(partition, messages_offset, users_offset, messages, channels, last_append_ms, last_checksum, users_checksum,
       drops, recounts, recounting, messages_offset_before, users_offset_before, recounts_before)
WHERE p.generation = $1 AND p.partition = n.partition AND p.drops = n.drops
  AND p.messages_offset = n.messages_offset_before AND p.users_offset = n.users_offset_before
  AND p.recounts = n.recounts_before
"""
_MESSAGE_COLUMNS = (
    "generation", "partition", "channel", "id", "username", "ts_ms", "append_ms", "log_offset", "digest",
    "edited_ts_ms", "edited_offset", "posted", "deleted", "visible", "text", "channel_display_name",
    "user_display_name", "kept_ms",
)  # fmt: skip
_PAIR_COLUMNS = ("partition", "channel", "username", "messages", "last_ms", "counted_from_ms")
_USER_COLUMNS = (
    "partition", "username", "messages", "last_ms", "deleted_ms",
    "display_name", "display_ts_ms", "display_channel", "display_offset",
)  # fmt: skip
_UPDATE_MESSAGE = """
UPDATE messages SET
    partition = $4, username = $5, ts_ms = $6, append_ms = $7, log_offset = $8, digest = $9, edited_ts_ms = $10,
    edited_offset = $11, posted = $12, deleted = $13, visible = $14, text = coalesce($15, text),
    channel_display_name = $16, user_display_name = $17, kept_ms = $18
WHERE generation = $1 AND channel = $2 AND id = $3
"""
# Each key by an index, as in prior.py.
_NEWEST_OF_PAIRS = """
SELECT k.channel, k.username, greatest(newest.ts_ms, p.dropped_last_ms)
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS k(channel, username, deleted_ms, counted_from_ms)
LEFT JOIN LATERAL (
    SELECT dropped_last_ms FROM pairs
    WHERE generation = $1 AND channel = k.channel AND username = k.username
      AND counted_from_ms = k.counted_from_ms  -- the deletion that it does not know of takes along what was dropped
    OFFSET 0) AS p ON true
LEFT JOIN LATERAL (
    SELECT m.ts_ms FROM messages m
    WHERE m.generation = $1 AND m.visible AND m.username = k.username AND m.channel = k.channel
      AND m.ts_ms > k.deleted_ms AND least(m.ts_ms, m.append_ms) > k.deleted_ms
    ORDER BY m.ts_ms DESC LIMIT 1) AS newest ON true
"""
_NEWEST_OF_CHANNELS = """
SELECT k.channel, newest.last_ms
FROM unnest($2::text[]) AS k(channel)
CROSS JOIN LATERAL (
    SELECT max(last_ms) AS last_ms FROM settled_pairs
    WHERE generation = $1 AND channel = k.channel AND messages > 0 OFFSET 0) AS newest
WHERE newest.last_ms IS NOT NULL
"""
_NEWEST_OF_USERS = """
SELECT k.partition, k.username, newest.last_ms
FROM unnest($2::int[], $3::text[]) AS k(partition, username)
CROSS JOIN LATERAL (
    SELECT max(last_ms) AS last_ms FROM pairs
    WHERE generation = $1 AND username = k.username AND partition = k.partition AND messages > 0 OFFSET 0) AS newest
WHERE newest.last_ms IS NOT NULL
"""
_UPSERT_PAIRS_AND = """
INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
ON CONFLICT (generation, channel, username) DO UPDATE SET
    messages = excluded.messages, last_ms = excluded.last_ms, counted_from_ms = excluded.counted_from_ms{dropped}
"""
# A deletion of a channel or user takes effect after all that retention has dropped.
_UPSERT_PAIRS = _UPSERT_PAIRS_AND.format(
    dropped=""",
    dropped = CASE WHEN excluded.counted_from_ms > pairs.counted_from_ms THEN 0 ELSE pairs.dropped END,
    dropped_last_ms = CASE WHEN excluded.counted_from_ms > pairs.counted_from_ms
                      THEN -4611686018427387904 ELSE pairs.dropped_last_ms END"""
)
_UPSERT_PAIRS_OF_USER = _UPSERT_PAIRS_AND.format(dropped=", dropped = 0, dropped_last_ms = DEFAULT")
_UPSERT_CHANNELS = """
INSERT INTO channels (generation, channel, partition, messages, last_ms, deleted_ms,
                      display_name, display_ts_ms, display_channel, display_offset)
SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[],
                         $7::text[], $8::bigint[], $9::text[], $10::bigint[])
ON CONFLICT (generation, channel) DO UPDATE SET
    messages = excluded.messages, last_ms = excluded.last_ms, deleted_ms = excluded.deleted_ms,
    display_name = excluded.display_name, display_ts_ms = excluded.display_ts_ms,
    display_channel = excluded.display_channel, display_offset = excluded.display_offset
"""
_UPSERT_USERS = """
INSERT INTO partition_users (generation, partition, username, messages, last_ms, deleted_ms,
                             display_name, display_ts_ms, display_channel, display_offset)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                         $7::text[], $8::bigint[], $9::text[], $10::bigint[])
ON CONFLICT (generation, username, partition) DO UPDATE SET
    messages = excluded.messages, last_ms = excluded.last_ms, deleted_ms = excluded.deleted_ms,
    display_name = excluded.display_name, display_ts_ms = excluded.display_ts_ms,
    display_channel = excluded.display_channel, display_offset = excluded.display_offset
"""
_PLAN_ERASURE = """
INSERT INTO erasures (generation, partition, scope, name, up_to_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (generation, partition, scope, name) DO UPDATE
SET up_to_ms = greatest(erasures.up_to_ms, excluded.up_to_ms)
"""
_RECOUNTED = "DELETE FROM recounts WHERE generation = $1 AND partition = $2 AND channel = $3"
_PLAN_RECOUNT = """
INSERT INTO recounts (generation, partition, channel, reached) VALUES ($1, $2, $3, $4)
ON CONFLICT (generation, partition, channel) DO UPDATE SET reached = excluded.reached
"""


class Prepared(NamedTuple):
    """What a batch changes, and how it is published: None where that is only known when rows have been looked up."""

    changes: Changes
    batch: bytes | None = None


async def write(
    connection: Any,
    generation: int,
    state: GenerationState,
    retention_changes: int,
    prepared: Prepared,
    on_sent: Callable[[], None] | None = None,
) -> tuple[int, bytes] | None:
    """Commit a batch, while the generation is in `state`. A live one's goes to the outbox: returns its id and encoding.

    `retention_changes`: how many changes of the retention its events were judged by. `on_sent` is called as soon as the
    new messages are on their way, if there are any: from then on Postgres has more to do than this process.
    Raises FencedError, RetiredError and asyncpg's errors: then nothing was written.
    """
    changes = prepared.changes
    async with connection.transaction():
        await hold_generation(connection, generation, state, retention_changes)
        await _advance(connection, generation, changes)
        await _write_messages(connection, generation, changes.messages.values(), on_sent)
        await _write_repeats(connection, generation, changes.repeats)
        await _recount_pairs(connection, generation, changes)
        await _write_pairs(connection, generation, changes)
        await _recount_names(connection, generation, changes)
        await _write_channels(connection, generation, changes)
        await _write_users(connection, generation, changes)
        await _plan_erasures(connection, generation, changes)
        await _plan_recounts(connection, generation, changes)
        if state is not GenerationState.LIVE:
            return None
        batch = prepared.batch or encode_batch(changes.batch())
        outbox_id: int = await connection.fetchval(
            "INSERT INTO outbox (generation, batch) VALUES ($1, $2) RETURNING id", generation, batch
        )
        failpoints.reach(Failpoint.BEFORE_COMMIT)
    return outbox_id, batch


async def hold_generation(connection: Any, generation: int, state: GenerationState, retention_changes: int) -> None:
    """Keep a generation as it is until the transaction ends. Raises RetiredError where it is not so any more."""
    held = await connection.fetchrow(_HOLD_GENERATION, generation)
    if held is None or held["state"] != state:
        raise RetiredError(f"generation {generation} is not {state}")
    if held["retention_changes"] != retention_changes:
        raise RetiredError("RETENTION_DAYS was changed")


async def _advance(connection: Any, generation: int, changes: Changes) -> None:
    """First of all writes: it locks the partitions' rows, so of two processes one waits here and is then refused."""
    states = changes.prior.partitions
    rows = [
        (
            partition, state.messages_offset, state.users_offset, state.messages, state.channels,
            state.last_append_ms, state.last_checksum, state.users_checksum, state.drops, state.recounts,
            state.recounting, *changes.before[partition],
        )
        for partition, state in sorted(states.items())
    ]  # fmt: skip
    status = await connection.execute(_ADVANCE, generation, *_columns(rows, 14))
    if status != f"UPDATE {len(states)}":
        raise FencedError(f"of partitions {sorted(states)}, {status.removeprefix('UPDATE ')} stood where expected")


async def _write_messages(
    connection: Any, generation: int, messages: Iterable[MessageState], on_sent: Callable[[], None] | None
) -> None:
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for message in messages:
        (changed if message.stored else new).append(_message_columns(generation, message))
    if new:
        records = _telling_its_end(new, on_sent)
        await connection.copy_records_to_table(f"messages_{generation}", records=records, columns=_MESSAGE_COLUMNS)
    elif on_sent:
        on_sent()
    if changed:
        await connection.executemany(_UPDATE_MESSAGE, [(row[0], row[2], row[3], row[1], *row[4:]) for row in changed])


def _telling_its_end(rows: list[tuple[Any, ...]], on_sent: Callable[[], None] | None) -> Iterator[tuple[Any, ...]]:
    yield from rows
    if on_sent:
        on_sent()


def _message_columns(generation: int, message: MessageState) -> tuple[Any, ...]:
    text = message.text if message.stored else message.text or ""
    return (
        generation, message.partition, message.channel, message.id, message.user, message.ts_ms, message.append_ms,
        message.offset, message.digest, message.edited_ts_ms, message.edited_offset, message.posted, message.deleted,
        message.visible, text, message.channel_display_name, message.user_display_name, message.kept_ms,
    )  # fmt: skip


async def _write_repeats(connection: Any, generation: int, repeats: list[Repeat]) -> None:
    if repeats:
        records = [(generation, *repeat) for repeat in repeats]
        columns = ("generation", "partition", "log_offset", "original_offset")
        await connection.copy_records_to_table("repeats", records=records, columns=columns)


async def _recount_pairs(connection: Any, generation: int, changes: Changes) -> None:
    prior = changes.prior
    pairs = [pair for pair in changes.pairs_to_recount if prior.pairs[pair].messages]
    if not pairs:
        return
    keys = [(*pair, _deleted_ms(changes, pair), prior.pairs[pair].counted_from_ms) for pair in pairs]
    for channel, user, newest in await connection.fetch(_NEWEST_OF_PAIRS, generation, *_columns(keys, 4)):
        prior.pairs[Pair(channel, user)].last_ms = newest


def _deleted_ms(changes: Changes, pair: Pair) -> int:
    channel = changes.prior.channels[pair.channel]
    user = changes.prior.users.get(UserKey(channel.partition, pair.user))
    return max(channel.deleted_ms, user.deleted_ms if user else NEVER_MS)


async def _recount_names(connection: Any, generation: int, changes: Changes) -> None:
    prior = changes.prior
    if changes.channels_to_recount:
        for channel, newest in await connection.fetch(
            _NEWEST_OF_CHANNELS, generation, list(changes.channels_to_recount)
        ):
            prior.channels[channel].last_ms = newest
    users = list(changes.users_to_recount)
    if users:
        for partition, user, newest in await connection.fetch(
            _NEWEST_OF_USERS, generation, [key.partition for key in users], [key.user for key in users]
        ):
            prior.users[UserKey(partition, user)].last_ms = newest


async def _write_pairs(connection: Any, generation: int, changes: Changes) -> None:
    prior = changes.prior
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for pair in sorted(changes.pairs):
        state = prior.pairs[pair]
        counts = (state.messages, state.last_ms, state.counted_from_ms)
        (changed if state.stored else new).append((prior.channels[pair.channel].partition, *pair, *counts))
    await _copy_new(connection, generation, "pairs", _PAIR_COLUMNS, new)
    if changed:
        statement = _UPSERT_PAIRS_OF_USER if changes.removed_users else _UPSERT_PAIRS
        await connection.execute(statement, generation, *_columns(changed, 6))


async def _copy_new(
    connection: Any, generation: int, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Nobody else inserts rows of the partitions that this transaction advances, so none of these is there."""
    if rows:
        records = [(generation, *row) for row in rows]
        await connection.copy_records_to_table(table, records=records, columns=("generation", *columns))


async def _write_channels(connection: Any, generation: int, changes: Changes) -> None:
    rows = []
    for name in sorted(changes.channels):
        state = changes.prior.channels[name]
        counts = (state.messages, state.last_ms, state.deleted_ms)
        rows.append((name, state.partition, *counts, *_display_columns(state.display)))
    if rows:
        await connection.execute(_UPSERT_CHANNELS, generation, *_columns(rows, 9))


async def _write_users(connection: Any, generation: int, changes: Changes) -> None:
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for key in sorted(changes.users):
        state = changes.prior.users[key]
        counts = (state.messages, state.last_ms, state.deleted_ms)
        (changed if state.stored else new).append((*key, *counts, *_display_columns(state.display)))
    await _copy_new(connection, generation, "partition_users", _USER_COLUMNS, new)
    if changed:
        await connection.execute(_UPSERT_USERS, generation, *_columns(changed, 9))


async def _plan_erasures(connection: Any, generation: int, changes: Changes) -> None:
    (partition, *_) = changes.prior.partitions
    for scope, removals in (("channel", changes.removed_channels), ("user", changes.removed_users)):
        for removed in removals:
            await connection.execute(_PLAN_ERASURE, generation, partition, scope, removed.name, removed.up_to_ms)


async def _plan_recounts(connection: Any, generation: int, changes: Changes) -> None:
    for channel, reached in changes.recounting.items():
        partition = changes.prior.channels[channel].partition
        if reached is None:
            await connection.execute(_RECOUNTED, generation, partition, channel)
        else:
            await connection.execute(_PLAN_RECOUNT, generation, partition, channel, reached)


def _display_columns(display: DisplayName) -> tuple[str, int, str, int]:
    return (display.name, display.ts_ms, display.channel, display.offset)


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[index] for row in rows] for index in range(width)]
