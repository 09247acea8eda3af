"""What the fold knows of a partition: the rows it reads before a batch and writes after it.

All are plain, mutable rows. They mirror the tables of docs/architecture.md, "The read model".
"""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

from livestream.deltas import MessageKey

K = TypeVar("K")
S = TypeVar("S")

# Before every time that an event can carry: nothing was deleted, nothing was posted.
NEVER_MS: Final = -(2**62)


class Pair(NamedTuple):
    """What counts are kept by: one user in one channel."""

    channel: str
    user: str


class UserKey(NamedTuple):
    """One user as far as one partition knows."""

    partition: int
    user: str


class MessageState(msgspec.Struct, gc=False):
    """A message, or the tombstone that came before it (`posted` is false then, and only the key counts).

    In a rebuild that begins behind a message the tombstone stands for it: with its `offset` and `digest`, by which a
    repeat is told from the message itself.

    `digest` stands for (user, text as posted): it tells a repeat from a conflict when the text is edited or erased.
    `kept_ms` is where the partition's append times had come to with the post or deletion: retention drops by it, in the
    order of the log even where a broker's clock went back. `text` is None where the batch leaves the stored text as it
    is. `visible` is false for good once it is false.
    """

    channel: str
    id: str
    partition: int
    posted: bool = False
    offset: int = -1
    user: str = ""
    digest: int = 0
    ts_ms: int = NEVER_MS
    append_ms: int = NEVER_MS
    kept_ms: int = NEVER_MS
    text: str | None = None
    edited_ts_ms: int | None = None
    edited_offset: int | None = None
    channel_display_name: str | None = None
    user_display_name: str | None = None
    deleted: bool = False
    visible: bool = False
    stored: bool = False

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.channel, self.id)

    @property
    def time_ms(self) -> int:
        """What is compared with a deletion's time: a clock that runs fast does not outlive a deletion."""
        return min(self.ts_ms, self.append_ms)


class DisplayName(msgspec.Struct, frozen=True):
    """A display name with the order key of the post it came with: the newest is shown."""

    name: str = ""
    ts_ms: int = NEVER_MS
    channel: str = ""
    offset: int = -1

    @property
    def order(self) -> tuple[int, str, int]:
        return (self.ts_ms, self.channel, self.offset)


NO_DISPLAY_NAME: Final = DisplayName()


class PairState(msgspec.Struct, gc=False):
    """Visible messages of one user in one channel, and the newest `ts` among them.

    Those whose rows retention has dropped count on.
    `counted_from_ms` is the newest deletion of the channel that these know of. Where the channel has a newer one, they
    stand for nothing but what the user's own row still counts (`livestream.fold.recounts`).
    """

    messages: int = 0
    last_ms: int = NEVER_MS
    counted_from_ms: int = NEVER_MS
    stored: bool = False


class ChannelState(msgspec.Struct):
    """A channel. `last_ms` keeps its value when `messages` falls to zero, so that the removal can name it."""

    partition: int
    messages: int = 0
    last_ms: int = NEVER_MS
    deleted_ms: int = NEVER_MS
    display: DisplayName = NO_DISPLAY_NAME


class UserState(msgspec.Struct):
    """A user in one partition, as `ChannelState`."""

    messages: int = 0
    last_ms: int = NEVER_MS
    deleted_ms: int = NEVER_MS
    display: DisplayName = NO_DISPLAY_NAME
    stored: bool = False


class PartitionState(msgspec.Struct):
    """Where a partition's fold stands: the next offset of `messages.v1` and of `users.v1`, and its totals.

    `drops` counts how often rows were dropped by retention: a batch that was begun before the last time is void.
    `recounts`: how many steps users' counts have made to follow deletions of channels. `recounting`: of how many
    channels there are more to make.
    """

    messages_offset: int = 0
    users_offset: int = 0
    messages: int = 0
    channels: int = 0
    last_append_ms: int = NEVER_MS
    last_checksum: int = 0
    users_checksum: int = 0
    drops: int = 0
    recounts: int = 0
    recounting: int = 0

    @property
    def position(self) -> tuple[int, int, int]:
        """What a batch moves on, and is conditional on."""
        return (self.messages_offset, self.users_offset, self.recounts)


class Touched(msgspec.Struct):
    """What has to be read before records can be folded."""

    messages: set[MessageKey] = msgspec.field(default_factory=set)
    channels: dict[str, int] = msgspec.field(default_factory=dict)
    users: set[UserKey] = msgspec.field(default_factory=set)
    pairs: set[Pair] = msgspec.field(default_factory=set)


class Prior(msgspec.Struct):
    """What was read of what is touched. A key that is absent was never written.

    `repeats` are (partition, offset) of posts that are known to repeat one whose row was dropped (in a rebuild, which
    begins after that one).
    `recounting`, read only for steps that concern it: channels whose deletion some users' counts do not know of yet,
    and the name up to which they do.
    """

    partitions: dict[int, PartitionState]
    messages: dict[MessageKey, MessageState] = msgspec.field(default_factory=dict)
    channels: dict[str, ChannelState] = msgspec.field(default_factory=dict)
    users: dict[UserKey, UserState] = msgspec.field(default_factory=dict)
    pairs: dict[Pair, PairState] = msgspec.field(default_factory=dict)
    repeats: frozenset[tuple[int, int]] = frozenset()
    recounting: dict[str, str] = msgspec.field(default_factory=dict)


Counts = TypeVar("Counts", PairState, UserState)


def own_rows(known: Mapping[K, S], keys: Iterable[K]) -> dict[K, S]:
    """Copies of those of the rows that are known, for a fold that goes on from them and must not change them."""
    return {key: copy.copy(known[key]) for key in keys if key in known}


def own_counts(known: Mapping[K, Counts], keys: Iterable[K]) -> dict[K, Counts]:
    """The same of pairs or users, as they are read once the batch that they are known from is written."""
    counts = own_rows(known, keys)
    for count in counts.values():
        count.stored = True
    return counts


def own_messages(
    known: Mapping[MessageKey, MessageState], keys: Iterable[MessageKey]
) -> dict[MessageKey, MessageState]:
    """The same of messages, as they are read once the batch that they are known from is written."""
    messages = own_rows(known, keys)
    for message in messages.values():
        message.stored, message.text = True, None
    return messages


def digest_of(user: str, text: str) -> int:
    """64 bits over (user, text), signed, as Postgres's bigint has it."""
    content = f"{user}\0{text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big", signed=True)
