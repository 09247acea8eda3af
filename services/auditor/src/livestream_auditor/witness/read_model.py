"""The read model that follows from the facts of a log, judged as a whole."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from livestream_auditor.witness.facts import LogFacts, MessageFacts, UserDeletion

K = TypeVar("K")

_NEVER_MS = -(2**62)  # before every time that an event can carry
_NO_ORDER = (_NEVER_MS, "", -1)


class Tally(msgspec.Struct):
    """Visible messages, and the newest `ts` among them."""

    messages: int = 0
    last_ms: int = _NEVER_MS

    def add(self, messages: int, last_ms: int) -> None:
        self.messages += messages
        self.last_ms = max(self.last_ms, last_ms)


class NameTally(Tally):
    """A channel's or user's tally with the display name to show, "" where none was given."""

    display_name: str = ""
    display_order: tuple[int, str, int] = _NO_ORDER

    def name(self, display_name: str, order: tuple[int, str, int]) -> None:
        if order > self.display_order:
            self.display_name, self.display_order = display_name, order


class ReadModel:
    """What is shown of a log that was folded up to some position.

    The facts reach to that position on `messages.v1`; `users_offsets` says for each partition how far it has heard
    `users.v1`. Channels and users without a visible message are absent from `channels`, `users` and `shares`
    (a user's tally in one partition).
    """

    def __init__(self, facts: LogFacts, users_offsets: Mapping[int, int]) -> None:
        self._facts = facts
        self._deleted_users = {
            partition: _deletion_times(facts.user_deletions, users_offsets.get(partition, 0))
            for partition in range(facts.partitions)
        }
        self._first_heard = _deletion_times(facts.user_deletions, max(users_offsets.values(), default=0))
        pairs: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
        channels: defaultdict[str, NameTally] = defaultdict(NameTally)
        users: defaultdict[str, NameTally] = defaultdict(NameTally)
        shares: defaultdict[tuple[int, str], NameTally] = defaultdict(NameTally)
        for message in facts.messages.values():
            order = message.order
            partition = facts.channel_partition[message.channel]
            if message.channel_display_name and message.time_ms > self._channel_end(message):
                channels[message.channel].name(message.channel_display_name, order)
            if message.user_display_name and message.time_ms > self._user_end(message):
                shares[partition, message.user].name(message.user_display_name, order)
            if self.is_visible(message):
                pairs[message.channel, message.user].add(1, message.ts_ms)
        for (channel, user), pair in pairs.items():
            channels[channel].add(pair.messages, pair.last_ms)
            shares[facts.channel_partition[channel], user].add(pair.messages, pair.last_ms)
        for (_, user), share in shares.items():
            users[user].add(share.messages, share.last_ms)
            users[user].name(share.display_name, share.display_order)
        self.pairs = dict(pairs)
        self.channels = _with_messages(channels)
        self.users = _with_messages(users)
        self.shares = _with_messages(shares)

    @property
    def totals(self) -> tuple[int, int, int]:
        """Messages, channels, users."""
        return (sum(pair.messages for pair in self.pairs.values()), len(self.channels), len(self.users))

    def partition_totals(self) -> dict[int, tuple[int, int]]:
        """Visible messages, and channels with at least one, of every partition."""
        messages = dict.fromkeys(range(self._facts.partitions), 0)
        channels = dict(messages)
        for name, tally in self.channels.items():
            partition = self._facts.channel_partition[name]
            messages[partition] += tally.messages
            channels[partition] += 1
        return {partition: (messages[partition], channels[partition]) for partition in messages}

    def is_visible(self, message: MessageFacts) -> bool:
        """Whether it counts."""
        return not message.deleted and message.time_ms > max(self._channel_end(message), self._user_end(message))

    def is_shown(self, message: MessageFacts) -> bool:
        """Whether followers see it: a deleted user's messages go, by `ts`, when the first partition hears of it."""
        return self.is_visible(message) and message.ts_ms > self._first_heard.get(message.user, _NEVER_MS)

    def find(self, key: bytes) -> MessageFacts | None:
        """The visible message with this key (`message_key`)."""
        message = self._facts.messages.get(key)
        return message if message is not None and self.is_visible(message) else None

    def find_shown(self, key: bytes) -> MessageFacts | None:
        message = self.find(key)
        return message if message is not None and self.is_shown(message) else None

    def partition_of(self, channel: str) -> int:
        """Of a channel that has a message."""
        return self._facts.channel_partition[channel]

    def visible(self) -> Iterator[MessageFacts]:
        return filter(self.is_visible, self._facts.messages.values())

    def newest(self, count: int) -> list[MessageFacts]:
        """The newest messages that are shown, in display order, oldest first."""
        return heapq.nlargest(
            count, filter(self.is_shown, self._facts.messages.values()), key=lambda message: message.order
        )[::-1]

    def _channel_end(self, message: MessageFacts) -> int:
        return self._facts.channel_deleted_ms.get(message.channel, _NEVER_MS)

    def _user_end(self, message: MessageFacts) -> int:
        deleted = self._deleted_users[self._facts.channel_partition[message.channel]]
        return deleted.get(message.user, _NEVER_MS)


def _deletion_times(deletions: list[UserDeletion], before_offset: int) -> dict[str, int]:
    times_ms: dict[str, int] = {}
    for deletion in deletions:
        if deletion.offset < before_offset:
            times_ms[deletion.user] = max(deletion.time_ms, times_ms.get(deletion.user, _NEVER_MS))
    return times_ms


def _with_messages(tallies: Mapping[K, NameTally]) -> dict[K, NameTally]:
    return {name: tally for name, tally in tallies.items() if tally.messages}
