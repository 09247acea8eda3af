"""The read model that follows from the facts of a log, judged as a whole."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

from livestream_auditor.witness.facts import LogFacts, MessageFacts
from livestream_auditor.witness.sample import ChannelSample

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
            partition: _deletion_times(facts, partition, users_offsets.get(partition, 0))
            for partition in range(facts.partitions)
        }
        self._first_heard: dict[str, int] = {}
        for times_ms in self._deleted_users.values():
            for user, time_ms in times_ms.items():
                self._first_heard[user] = max(time_ms, self._first_heard.get(user, time_ms))
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
        self._add_baseline(pairs, channels, shares)
        for (channel, user), pair in pairs.items():
            channels[channel].add(pair.messages, pair.last_ms)
            shares[self.partition_of(channel), user].add(pair.messages, pair.last_ms)
        for (_, user), share in shares.items():
            users[user].add(share.messages, share.last_ms)
            users[user].name(share.display_name, share.display_order)
        self.pairs = dict(pairs)
        self.channels = _with_messages(channels)
        self.users = _with_messages(users)
        self.shares = _with_messages(shares)

    def _add_baseline(
        self,
        pairs: defaultdict[tuple[str, str], Tally],
        channels: defaultdict[str, NameTally],
        shares: defaultdict[tuple[int, str], NameTally],
    ) -> None:
        """What was dropped counts, and what it named is shown, unless a later deletion has taken it along."""
        baseline = self._facts.baseline
        for (channel, user), pair in baseline.pairs.items():
            self._facts.channel_partition.setdefault(channel, pair.partition)
            if self._channel_stands(channel) and self._user_stands(pair.partition, user):
                pairs[channel, user].add(pair.messages, pair.last_ms)
        for channel, shown in baseline.channel_names.items():
            if self._channel_stands(channel):
                channels[channel].name(*shown)
        for (partition, user), shown in baseline.user_names.items():
            if self._user_stands(partition, user):
                shares[partition, user].name(*shown)

    def _channel_stands(self, channel: str) -> bool:
        """Whether it was not deleted since the baseline."""
        deleted_ms = self._facts.channel_deleted_ms.get(channel, _NEVER_MS)
        return deleted_ms == self._facts.baseline.channel_deleted_ms.get(channel, _NEVER_MS)

    def _user_stands(self, partition: int, user: str) -> bool:
        deleted_ms = self._deleted_users[partition].get(user, _NEVER_MS)
        return deleted_ms == self._facts.baseline.user_deleted_ms.get((partition, user), _NEVER_MS)

    @property
    def sample(self) -> ChannelSample:
        """The channels that it knows of; users and totals are those of the whole log only if it is whole."""
        return self._facts.sample

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
        """Of a channel that has a message, or had one that was dropped."""
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


def _deletion_times(facts: LogFacts, partition: int, before_offset: int) -> dict[str, int]:
    """When users were deleted, as far as a partition has heard."""
    baseline = facts.baseline.user_deleted_ms.items()
    times_ms = {user: time_ms for (at, user), time_ms in baseline if at == partition}
    for deletion in facts.user_deletions:
        if deletion.offset < before_offset:
            times_ms[deletion.user] = max(deletion.time_ms, times_ms.get(deletion.user, _NEVER_MS))
    return times_ms


def _with_messages(tallies: Mapping[K, NameTally]) -> dict[K, NameTally]:
    return {name: tally for name, tally in tallies.items() if tally.messages}
