"""What a log is counted on top of, where history was dropped: the log alone does not tell it any more."""

from typing import NamedTuple

import msgspec

from livestream.retention import Retention
from livestream_auditor.witness.sample import ChannelSample

DisplayOrder = tuple[int, str, int]


class DroppedPair(NamedTuple):
    """Messages of one user in one channel whose history was dropped, and the newest `ts` among them."""

    partition: int
    messages: int
    last_ms: int


class Shown(NamedTuple):
    """A display name, and the order key of the post that brought it."""

    name: str
    order: DisplayOrder


class Baseline(msgspec.Struct):
    """As it was at one moment; what the log says of later times comes on top.

    `offsets`: partition → the first offset of `messages.v1` whose messages are not dropped, and `kept_from` that of the
    first message that there is (absent where there is none). `deleted_messages` are keys as `message_key` makes them,
    with their channel, and `deleted_posts` the offsets of their posts, where these came; `repeats` are (partition,
    offset) of posts that repeat one that was dropped.
    Channels are by name, users by (partition, name); times are in milliseconds.
    """

    retention: Retention = msgspec.field(default_factory=Retention)
    offsets: dict[int, int] = msgspec.field(default_factory=dict)
    kept_from: dict[int, int] = msgspec.field(default_factory=dict)
    pairs: dict[tuple[str, str], DroppedPair] = msgspec.field(default_factory=dict)
    channel_deleted_ms: dict[str, int] = msgspec.field(default_factory=dict)
    user_deleted_ms: dict[tuple[int, str], int] = msgspec.field(default_factory=dict)
    channel_names: dict[str, Shown] = msgspec.field(default_factory=dict)
    user_names: dict[tuple[int, str], Shown] = msgspec.field(default_factory=dict)
    deleted_messages: dict[bytes, str] = msgspec.field(default_factory=dict)
    deleted_posts: dict[bytes, int] = msgspec.field(default_factory=dict)
    repeats: set[tuple[int, int]] = msgspec.field(default_factory=set)

    def narrowed(self, sample: ChannelSample) -> "Baseline":
        """As if there had never been other channels; what is known of users then serves to hide messages only."""
        return msgspec.structs.replace(
            self,
            pairs={pair: dropped for pair, dropped in self.pairs.items() if pair[0] in sample},
            channel_deleted_ms={name: ms for name, ms in self.channel_deleted_ms.items() if name in sample},
            channel_names={name: shown for name, shown in self.channel_names.items() if name in sample},
            user_names={},
            deleted_messages={key: channel for key, channel in self.deleted_messages.items() if channel in sample},
            deleted_posts={
                key: offset for key, offset in self.deleted_posts.items() if self.deleted_messages[key] in sample
            },
        )
