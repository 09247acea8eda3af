"""What the records of a log say, kept so that ten million messages fit into a few gigabytes.

Ids and texts are kept as 16-byte digests; names are kept once each. Where only so many messages may be remembered, they
are those of a sample of the channels, which gets smaller as the log grows.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from livestream.events import (
    FUTURE_TOLERANCE_MS,
    ChannelDeleted,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Rejected,
    UserDeleted,
    parse_record,
)
from livestream.partitioning import partition_of
from livestream_auditor.witness.baseline import Baseline
from livestream_auditor.witness.sample import EVERYTHING, ChannelSample

_DIGEST_BYTES = 16  # among ten million, two alike are less likely than 1 in 10**23


class LogRecord(NamedTuple):
    """One record of `messages.v1` or `users.v1`, as the log has it."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Edit(NamedTuple):
    """The newest edit of a message, by (`ts_ms`, `offset`)."""

    ts_ms: int
    offset: int
    text: bytes


class MessageFacts(msgspec.Struct, gc=False):
    """What the log says of one message. `text` is the digest as posted; `time_ms` is what deletions compare with."""

    channel: str
    user: str
    offset: int
    ts_ms: int
    time_ms: int
    text: bytes
    deleted: bool
    channel_display_name: str | None = None
    user_display_name: str | None = None
    edit: Edit | None = None

    @property
    def shown_text(self) -> bytes:
        return self.edit.text if self.edit else self.text

    @property
    def order(self) -> tuple[int, str, int]:
        return (self.ts_ms, self.channel, self.offset)


class UserDeletion(NamedTuple):
    """A user is gone up to `time_ms`; `offset` on `users.v1` tells who has heard of it."""

    offset: int
    user: str
    time_ms: int


class LogFacts:
    """The facts of a log with `partitions` of `messages.v1`; `take` each record once, a partition's in order.

    Of channels that are not in `sample` nothing is remembered. More than `most_messages` (with what the baseline has
    of pairs and deleted messages) halve the sample.
    Where history was dropped, records of `messages.v1` are taken from the offsets of the `baseline` on.
    """

    def __init__(
        self,
        partitions: int,
        baseline: Baseline | None = None,
        sample: ChannelSample = EVERYTHING,
        most_messages: int | None = None,
    ) -> None:
        self.partitions = partitions
        self.baseline = baseline or Baseline()
        self.sample = sample
        self._most_messages = most_messages
        self.messages: dict[bytes, MessageFacts] = {}
        self.channel_partition: dict[str, int] = {}
        self.channel_deleted_ms = dict(self.baseline.channel_deleted_ms)
        self.user_deletions: list[UserDeletion] = []
        self.refused: Counter[str] = Counter()
        self.records = 0
        self.repeats = 0
        self._deleted_ahead = dict(self.baseline.deleted_messages)
        self._names: dict[str, str] = {}
        if not sample.is_whole:
            self._narrow(sample)
        self._keep_small()

    def take(self, record: LogRecord) -> None:
        self.records += 1
        event = parse_record(record.topic, record.value, record.headers)
        if isinstance(event, Rejected):
            self.refused[event.reason] += 1
        elif event.ts_ms - record.append_ms > FUTURE_TOLERANCE_MS:
            self.refused["future-ts"] += 1
        elif event.ts_ms < self.baseline.retention.horizon_ms(record.append_ms):
            self.refused["too-old"] += 1
        elif isinstance(event, UserDeleted):
            time_ms = min(event.ts_ms, record.append_ms)
            self.user_deletions.append(UserDeletion(record.offset, self._name(event.user), time_ms))
        elif event.channel in self.sample:
            self._take_message_event(record, event)

    def _take_message_event(
        self, record: LogRecord, event: MessagePosted | MessageEdited | MessageDeleted | ChannelDeleted
    ) -> None:
        if record.partition != self._partition_of(event.channel):
            self.refused["wrong-partition"] += 1
            return
        match event:
            case MessagePosted():
                self._post(record, event)
            case MessageEdited():
                self._edit(record, event)
            case MessageDeleted():
                self._delete(event)
            case ChannelDeleted():
                time_ms = min(event.ts_ms, record.append_ms)
                self.channel_deleted_ms[event.channel] = max(
                    time_ms, self.channel_deleted_ms.get(event.channel, time_ms)
                )
        self._keep_small()

    def channels(self) -> list[str]:
        """The sampled channels that have, or had, a message."""
        return sorted({*self.channel_partition, *(channel for channel, _ in self.baseline.pairs)})

    @property
    def remembered(self) -> int:
        """Messages, deletions that came before theirs, and dropped pairs: what `most_messages` bounds."""
        return len(self.messages) + len(self._deleted_ahead) + len(self.baseline.pairs)

    def _keep_small(self) -> None:
        while self._most_messages is not None and self.remembered > self._most_messages:
            self._narrow(self.sample.halved())

    def _narrow(self, sample: ChannelSample) -> None:
        """Forget all but the channels of `sample`, as if there had never been others."""
        self.sample = sample
        self.baseline = self.baseline.narrowed(sample)
        self.messages = {key: message for key, message in self.messages.items() if message.channel in sample}
        self._deleted_ahead = {key: channel for key, channel in self._deleted_ahead.items() if channel in sample}
        self.channel_partition = {name: at for name, at in self.channel_partition.items() if name in sample}
        self.channel_deleted_ms = {name: ms for name, ms in self.channel_deleted_ms.items() if name in sample}
        kept = [name for message in self.messages.values() for name in (message.channel, message.user)]
        self._names = {name: name for name in [*kept, *(deletion.user for deletion in self.user_deletions)]}

    def _post(self, record: LogRecord, event: MessagePosted) -> None:
        key = message_key(event.channel, event.id)
        text = text_digest(event.text)
        first = self.messages.get(key)
        if first is None and self._repeats_what_is_gone(key, record):
            self.repeats += 1
        elif first is None:
            self.messages[key] = MessageFacts(
                channel=self._name(event.channel),
                user=self._name(event.user),
                offset=record.offset,
                ts_ms=event.ts_ms,
                time_ms=min(event.ts_ms, record.append_ms),
                text=text,
                deleted=key in self._deleted_ahead,
                channel_display_name=event.channel_display_name,
                user_display_name=event.user_display_name,
            )
        elif (first.user, first.text) == (event.user, text):
            self.repeats += 1
        else:
            self.refused["conflict"] += 1

    def _repeats_what_is_gone(self, key: bytes, record: LogRecord) -> bool:
        """Whether it was posted before, where the log is not read any more."""
        is_known = (record.partition, record.offset) in self.baseline.repeats
        return is_known or record.offset > self.baseline.deleted_posts.get(key, record.offset)

    def _edit(self, record: LogRecord, event: MessageEdited) -> None:
        key = message_key(event.channel, event.id)
        message = self.messages.get(key)
        if message is not None:
            edit = Edit(event.ts_ms, record.offset, text_digest(event.text))
            message.edit = max(message.edit or edit, edit)
        elif key not in self._deleted_ahead:
            self.refused["unknown-message"] += 1

    def _delete(self, event: MessageDeleted) -> None:
        key = message_key(event.channel, event.id)
        message = self.messages.get(key)
        if message is None:
            self._deleted_ahead[key] = self._name(event.channel)
        else:
            message.deleted = True

    def _partition_of(self, channel: str) -> int:
        partition = self.channel_partition.get(channel)
        if partition is None:
            partition = self.channel_partition[channel] = partition_of(channel, self.partitions)
        return partition

    def _name(self, name: str) -> str:
        return self._names.setdefault(name, name)


def message_key(channel: str, id_: str) -> bytes:
    """What stands for (channel, id): names and ids hold no NUL."""
    return _digest(f"{channel}\0{id_}")


def text_digest(text: str) -> bytes:
    return _digest(text)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
