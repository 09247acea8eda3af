"""What folding a batch changed: the rows to write, the delta to publish, and the dead letters."""

from collections import Counter
from typing import NamedTuple

import msgspec

from livestream.deltas import (
    Batch,
    MessageKey,
    MessageRow,
    NameRow,
    PositionStep,
    RemovedMessage,
    RemovedName,
    UserShare,
    member_of,
    message_row,
)
from livestream.events import Rejected
from livestream.fold.state import ChannelState, MessageState, Pair, PartitionState, Prior, UserKey, UserState


class Coordinates(msgspec.Struct, frozen=True):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that was not folded, and why."""

    coordinates: Coordinates
    rejected: Rejected


class Repeat(NamedTuple):
    """A post that was not counted, and the offset of the one that it repeats (or contradicts)."""

    partition: int
    offset: int
    original_offset: int


class Changes:
    """The outcome of a fold. It holds the prior's own rows, already brought up to date.

    Removing a message can take away the newest of its pair, channel or user, and only the store knows which is the
    newest then: `pairs_to_recount`, `channels_to_recount` and `users_to_recount` name those rows. The store sets their
    `last_ms` once the messages (for pairs) and the pairs (for channels and users) are written, before it asks for
    `batch`.

    `oldest_append_ms`: as of `Batch`.

    `recounting` names channels whose deletion users' counts follow in further steps, and the name up to which they do;
    None where they all do now.
    """

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self.before = {partition: state.position for partition, state in prior.partitions.items()}
        self.messages: dict[MessageKey, MessageState] = {}
        self.pairs: set[Pair] = set()
        self.channels: set[str] = set()
        self.users: set[UserKey] = set()
        self.pairs_to_recount: set[Pair] = set()
        self.channels_to_recount: set[str] = set()
        self.users_to_recount: set[UserKey] = set()
        self.repeats: list[Repeat] = []
        self.dead_letters: list[DeadLetter] = []
        self.outcomes: Counter[str] = Counter()
        self.removed_channels: list[RemovedName] = []
        self.removed_users: list[RemovedName] = []
        self.recounting: dict[str, str | None] = {}
        self.oldest_append_ms = 0
        self._hidden: list[MessageState] = []
        self._was_visible: dict[MessageKey, bool] = {}

    @property
    def is_final(self) -> bool:
        """Whether the rows are what will be written, so that a next batch can be folded on top of them."""
        return not (self.pairs_to_recount or self.channels_to_recount or self.users_to_recount)

    def touch_message(self, key: MessageKey, message: MessageState) -> None:
        """Note that a message will be written; call it before its visibility changes."""
        if key not in self.messages:
            self.messages[key] = message
            self._was_visible[key] = message.stored and message.visible

    def hidden(self, message: MessageState) -> None:
        """Note a message that a deletion of its channel or user hid. Its row is erased with all others, later."""
        self._hidden.append(message)

    def position_steps(self) -> list[PositionStep]:
        """How far the batch takes each partition."""
        return [_step(partition, self.before[partition], state) for partition, state in self.prior.partitions.items()]

    def batch(self) -> Batch:
        """The delta to publish. Rows are read as they are now, so call it when nothing will change any more."""
        rows: list[MessageRow] = []
        removed = [_removed(message) for message in self._hidden]
        for key, message in self.messages.items():
            if message.visible and message.text is not None:
                rows.append(_row(message, message.text))
            elif self._was_visible[key] and not message.visible:
                removed.append(_removed(message))
        return Batch(
            positions=self.position_steps(),
            messages=rows,
            removed_messages=removed,
            removed_channels=self.removed_channels,
            removed_users=self.removed_users,
            channels=[channel_row(name, self.prior.channels[name]) for name in sorted(self.channels)],
            user_shares=[user_share(key, self.prior.users[key]) for key in sorted(self.users)],
            oldest_append_ms=self.oldest_append_ms,
        )


def _removed(message: MessageState) -> RemovedMessage:
    return RemovedMessage(message.channel, message.id, message.user, member_of(message.channel, message.offset))


def _row(message: MessageState, text: str) -> MessageRow:
    return message_row(
        channel=message.channel,
        id_=message.id,
        user=message.user,
        ts_ms=message.ts_ms,
        append_ms=message.append_ms,
        offset=message.offset,
        text=text,
        edited_ts_ms=message.edited_ts_ms,
    )


def channel_row(name: str, state: ChannelState) -> NameRow:
    return NameRow(name, state.display.name, state.messages, state.last_ms)


def user_share(key: UserKey, state: UserState) -> UserShare:
    display = state.display
    return UserShare(
        key.partition, key.user, state.messages, state.last_ms,
        display.name, display.ts_ms, display.channel, display.offset,
    )  # fmt: skip


def _step(partition: int, before: tuple[int, int, int], after: PartitionState) -> PositionStep:
    messages_from, users_from, recounts_from = before
    return PositionStep(
        partition, messages_from, after.messages_offset, users_from, after.users_offset, after.messages, after.channels,
        recounts_from, after.recounts, after.recounting,
    )  # fmt: skip
