"""A delta: the rows that one batch of events changed, each row whole.

The projector writes it to its outbox as MessagePack, the Redis Function `publish` (serving.lua) applies it to the
serving copy and appends it to the delta log, and followers read it from there. All structs here are arrays on the wire
(`array_like`), and serving.lua reads them by index: a field's place is part of the format, new fields go to the end.

Strings are used where bytes would do, and "" where None would: Lua's cmsgpack reads neither `bin` nor nil in arrays.
"""

from typing import NamedTuple

import msgspec

from livestream import times

_OFFSET_DIGITS = 19  # Kafka's offsets are signed 64-bit


class MessageKey(NamedTuple):
    """What identifies a message."""

    channel: str
    id: str


class OrderKey(NamedTuple):
    """Where a message stands among all: the order of every view."""

    ts_ms: int
    channel: str
    offset: int


class PositionStep(msgspec.Struct, array_like=True, frozen=True):
    """How far a batch takes one partition: `[from, to)` of both inputs, and the partition's totals after it.

    `recounts` number the steps by which users' counts follow the deletion of a big channel; `recounting` is how many
    channels' such steps are still to come.
    """

    partition: int
    messages_from: int
    messages_to: int
    users_from: int
    users_to: int
    total_messages: int
    total_channels: int
    recounts_from: int = 0
    recounts_to: int = 0
    recounting: int = 0


class MessageRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visible message. `time_ms` is what deletions compare with; `json` is the row as frames and the API carry it."""

    ts_ms: int
    member: str
    time_ms: int
    user: str
    channel: str
    id: str
    json: str

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.channel, self.id)

    @property
    def order(self) -> OrderKey:
        return OrderKey(self.ts_ms, self.channel, int(self.member[-_OFFSET_DIGITS:]))


class RemovedMessage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A message that was visible and is not any more."""

    channel: str
    id: str
    user: str
    member: str


class RemovedName(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A channel or user of which nothing is left up to `up_to_ms`; its messages up to then go along."""

    name: str
    up_to_ms: int


class NameRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A channel's or a user's counts. `display_name` is "" where none was given."""

    name: str
    display_name: str
    messages: int
    last_ms: int


class UserShare(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one partition contributes to a user's row. `display_*` is the order key of the post the name came with."""

    partition: int
    name: str
    messages: int
    last_ms: int
    display_name: str
    display_ts_ms: int
    display_channel: str
    display_offset: int


class Batch(msgspec.Struct, array_like=True, frozen=True):
    """What the projector publishes for one transaction. Removals apply before rows.

    `oldest_append_ms`: when the log took the oldest record of `messages.v1` that led to it; 0 where none did.
    """

    positions: list[PositionStep]
    messages: list[MessageRow]
    removed_messages: list[RemovedMessage]
    removed_channels: list[RemovedName]
    removed_users: list[RemovedName]
    channels: list[NameRow]
    user_shares: list[UserShare]
    oldest_append_ms: int = 0


class Totals(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Visible messages, and channels and users with at least one."""

    messages: int = 0
    channels: int = 0
    users: int = 0


class Delta(msgspec.Struct, frozen=True):
    """One entry of the delta log, as followers hold it.

    `users` are whole rows, merged over partitions. `shrinks` says that something was removed or a count fell, so that
    rows which were outside a window may stand in it now. Messages of a user whose deletion another partition published
    first are left out of `messages`. `positions`: partition → next offsets of both inputs. `recounting`: partition →
    whether users' counts there still follow a deletion. `oldest_append_ms`: as of `Batch`. `traces`: the `traceparent`s
    of what it came of, where that is traced (`livestream.tracing`).
    """

    sequence: int
    as_of_ms: int
    totals: Totals
    shrinks: bool
    positions: dict[int, tuple[int, int]]
    messages: list[MessageRow]
    removed_messages: list[RemovedMessage]
    removed_channels: list[RemovedName]
    removed_users: list[RemovedName]
    channels: list[NameRow]
    users: list[NameRow]
    size_bytes: int = 0
    recounting: dict[int, bool] = {}
    oldest_append_ms: int = 0
    traces: tuple[bytes, ...] = ()


def member_of(channel: str, offset: int) -> str:
    """A message's place among those of equal `ts`, as bytes that sort like (channel, offset): names hold no NUL."""
    return f"{channel}\0{offset:0{_OFFSET_DIGITS}d}"


class _MessageJson(msgspec.Struct, frozen=True):
    id: str
    channel: str
    user: str
    ts: str
    text: str
    offset: int
    edited_at: str | msgspec.UnsetType


_encode_json = msgspec.json.Encoder().encode


def message_row(
    *, channel: str, id_: str, user: str, ts_ms: int, append_ms: int, offset: int, text: str, edited_ts_ms: int | None
) -> MessageRow:
    """A visible message as it is published, streamed and served: encoded here, once, for everybody."""
    edited_at = msgspec.UNSET if edited_ts_ms is None else times.format_ms(edited_ts_ms)
    json = _encode_json(_MessageJson(id_, channel, user, times.format_ms(ts_ms), text, offset, edited_at))
    return MessageRow(ts_ms, member_of(channel, offset), min(ts_ms, append_ms), user, channel, id_, json.decode())


_encode = msgspec.msgpack.Encoder().encode
_decode_batch = msgspec.msgpack.Decoder(Batch).decode
_decode_users = msgspec.msgpack.Decoder(list[NameRow]).decode
_decode_hidden = msgspec.msgpack.Decoder(set[str]).decode
_decode_totals = msgspec.msgpack.Decoder(Totals).decode


def encode_batch(batch: Batch) -> bytes:
    return _encode(batch)


def decode_delta(entry_id: bytes, fields: dict[bytes, bytes]) -> Delta:
    """One entry of the Redis stream: `<sequence>-0` with the fields that serving.lua appends.

    Raises msgspec.DecodeError or KeyError where the entry is not of that form.
    """
    payload = fields[b"batch"]
    batch = _decode_batch(payload)
    users = fields[b"users"]
    hidden = _decode_hidden(fields[b"hidden"])
    return Delta(
        sequence=int(entry_id.partition(b"-")[0]),
        as_of_ms=int(fields[b"as_of"]),
        totals=_decode_totals(fields[b"totals"]),
        shrinks=fields[b"shrinks"] == b"1",
        positions={step.partition: (step.messages_to, step.users_to) for step in batch.positions},
        messages=[row for row in batch.messages if row.member not in hidden] if hidden else batch.messages,
        removed_messages=batch.removed_messages,
        removed_channels=batch.removed_channels,
        removed_users=batch.removed_users,
        channels=batch.channels,
        users=_decode_users(users),
        size_bytes=len(payload) + len(users),
        recounting={step.partition: step.recounting > 0 for step in batch.positions},
        oldest_append_ms=batch.oldest_append_ms,
        # A projector of before an upgrade says nothing of them.
        traces=tuple(fields.get(b"traces", b"").split()),
    )
