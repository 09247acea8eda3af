"""The fold: records of the log become changed rows. Pure and synchronous; contract section 2 is its specification.

Deletions of a channel or a user reach rows that no record of the batch names, so each is a step of its own
(`livestream.fold.deletions`); `split` cuts a poll's records there. Cutting changes nothing in the outcome.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from livestream.deltas import MessageKey
from livestream.events import ChannelDeleted, MessageDeleted, MessageEdited, MessageEvent, MessagePosted, Rejected
from livestream.fold.changes import Changes, Coordinates, DeadLetter, Repeat
from livestream.fold.recounts import settle
from livestream.fold.state import (
    ChannelState,
    DisplayName,
    MessageState,
    Pair,
    PairState,
    Prior,
    Touched,
    UserKey,
    UserState,
    digest_of,
)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of `messages.v1`, read. `checksum` is over its bytes: it tells a log made anew from the old one."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    checksum: int
    event: MessageEvent | Rejected

    @property
    def coordinates(self) -> Coordinates:
        return Coordinates(self.topic, self.partition, self.offset)


def split(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Runs of records that fold together: a channel's deletion stands alone."""
    start = 0
    for index, record in enumerate(records):
        if isinstance(record.event, ChannelDeleted):
            if index > start:
                yield records[start:index]
            yield records[index : index + 1]
            start = index + 1
    if start < len(records):
        yield records[start:]


def touched_by(records: Iterable[Record]) -> Touched:
    """What `fold_messages` will look at, as far as the records tell; `touched_through` tells the rest."""
    touched = Touched()
    for record in records:
        match record.event:
            case MessagePosted() as event:
                touched.messages.add(MessageKey(event.channel, event.id))
                touched.channels[event.channel] = record.partition
                touched.users.add(UserKey(record.partition, event.user))
                touched.pairs.add(Pair(event.channel, event.user))
            case MessageEdited() | MessageDeleted() as event:
                touched.messages.add(MessageKey(event.channel, event.id))
                touched.channels[event.channel] = record.partition
    return touched


def touched_through(messages: Iterable[MessageState]) -> Touched:
    """The users and pairs that stored messages lead to: an edit or a deletion names no user."""
    touched = Touched()
    for message in messages:
        if message.posted:
            touched.users.add(UserKey(message.partition, message.user))
            touched.pairs.add(Pair(message.channel, message.user))
    return touched


def fold_messages(records: Sequence[Record], prior: Prior) -> Changes:
    """Fold records, in the order of their offsets, on top of what was read. `prior` is brought up to date in place."""
    changes = Changes(prior)
    changes.oldest_append_ms = min((record.append_ms for record in records), default=0)
    settle(changes)
    for record in records:
        advance(prior, record)
        match record.event:
            case MessagePosted() as event:
                _post(record, event, changes)
            case MessageEdited() as event:
                _edit(record, event, changes)
            case MessageDeleted() as event:
                _delete(record, event, changes)
            case ChannelDeleted():
                raise AssertionError("a channel's deletion is a step of its own: split() the records first")
            case Rejected() as rejected:
                _bury(record, rejected, changes)
    return changes


def advance(prior: Prior, record: Record) -> None:
    """Move the partition past a record."""
    position = prior.partitions[record.partition]
    position.messages_offset = record.offset + 1
    position.last_append_ms = max(position.last_append_ms, record.append_ms)
    position.last_checksum = record.checksum


def _post(record: Record, event: MessagePosted, changes: Changes) -> None:
    prior = changes.prior
    key = MessageKey(event.channel, event.id)
    digest = digest_of(event.user, event.text)
    message = prior.messages.get(key)
    if prior.repeats and (record.partition, record.offset) in prior.repeats:
        changes.outcomes["repeat"] += 1
        return
    if message is None:
        message = MessageState(event.channel, event.id, record.partition)
        prior.messages[key] = message
    elif message.posted or record.offset > message.offset >= 0:
        _repeat(record, message, digest, changes)
        return
    changes.touch_message(key, message)
    message.posted = True
    message.offset, message.append_ms, message.ts_ms = record.offset, record.append_ms, event.ts_ms
    message.kept_ms = prior.partitions[record.partition].last_append_ms
    message.user, message.digest = event.user, digest
    channel = prior.channels.get(event.channel) or _new_channel(prior, event.channel, record.partition)
    user_key = UserKey(record.partition, event.user)
    user = prior.users.get(user_key) or _new_user(prior, user_key)
    time_ms = message.time_ms
    message.visible = not message.deleted and time_ms > channel.deleted_ms and time_ms > user.deleted_ms
    message.text = event.text if message.visible else ""
    # A name that its own deletion reaches is not even kept.
    if time_ms > channel.deleted_ms:
        message.channel_display_name = event.channel_display_name
    if time_ms > user.deleted_ms:
        message.user_display_name = event.user_display_name
    if message.channel_display_name or message.user_display_name:
        _show_names(message, channel, user, changes)
    if message.visible:
        _count(message, user_key, channel, user, changes)
    changes.outcomes["posted" if message.visible else "posted_hidden"] += 1


def _repeat(record: Record, message: MessageState, digest: int, changes: Changes) -> None:
    changes.repeats.append(Repeat(record.partition, record.offset, message.offset))
    if digest == message.digest:
        changes.outcomes["repeat"] += 1
    else:
        detail = "this (channel, id) stands on the log already, with another user or text"
        _bury(record, Rejected("conflict", detail, "id"), changes)


def _edit(record: Record, event: MessageEdited, changes: Changes) -> None:
    message = changes.prior.messages.get(MessageKey(event.channel, event.id))
    if message is None or not (message.posted or message.deleted):
        _bury(record, Rejected("unknown-message", "no such message is on the log before this edit", "id"), changes)
        return
    changes.outcomes["edited"] += 1
    if not message.visible:
        return
    if message.edited_ts_ms is not None and (event.ts_ms, record.offset) <= (
        message.edited_ts_ms,
        message.edited_offset,
    ):
        return
    changes.touch_message(message.key, message)
    message.text = event.text
    message.edited_ts_ms, message.edited_offset = event.ts_ms, record.offset


def _delete(record: Record, event: MessageDeleted, changes: Changes) -> None:
    prior = changes.prior
    key = MessageKey(event.channel, event.id)
    message = prior.messages.get(key)
    if message is None:
        message = MessageState(event.channel, event.id, record.partition)
        prior.messages[key] = message
    changes.outcomes["deleted"] += 1
    changes.touch_message(key, message)
    # What was deleted stays deleted for as long as it may be posted again.
    message.kept_ms = prior.partitions[record.partition].last_append_ms
    if message.deleted:
        return
    message.deleted = True
    message.text = ""
    if message.visible:
        message.visible = False
        _discount(message, changes)


def _bury(record: Record, rejected: Rejected, changes: Changes) -> None:
    changes.outcomes["dead_letter"] += 1
    changes.dead_letters.append(DeadLetter(record.coordinates, rejected))


def _new_channel(prior: Prior, name: str, partition: int) -> ChannelState:
    channel = prior.channels[name] = ChannelState(partition)
    return channel


def _new_user(prior: Prior, key: UserKey) -> UserState:
    user = prior.users[key] = UserState()
    return user


def _new_pair(prior: Prior, key: Pair, channel: ChannelState) -> PairState:
    pair = prior.pairs[key] = PairState(counted_from_ms=channel.deleted_ms)
    return pair


def _show_names(message: MessageState, channel: ChannelState, user: UserState, changes: Changes) -> None:
    """Display names follow posts, also of messages that are deleted one by one."""
    order = (message.ts_ms, message.channel, message.offset)
    if message.channel_display_name and order > channel.display.order:
        channel.display = DisplayName(message.channel_display_name, *order)
        changes.channels.add(message.channel)
    if message.user_display_name and order > user.display.order:
        user.display = DisplayName(message.user_display_name, *order)
        changes.users.add(UserKey(message.partition, message.user))


def _count(message: MessageState, user_key: UserKey, channel: ChannelState, user: UserState, changes: Changes) -> None:
    prior, ts_ms = changes.prior, message.ts_ms
    pair_key = Pair(message.channel, message.user)
    pair = prior.pairs.get(pair_key) or _new_pair(prior, pair_key, channel)
    position = prior.partitions[message.partition]
    position.messages += 1
    position.channels += channel.messages == 0
    for counted in (pair, channel, user):
        if ts_ms > counted.last_ms or not counted.messages:
            counted.last_ms = ts_ms
        counted.messages += 1
    changes.pairs.add(pair_key)
    changes.channels.add(message.channel)
    changes.users.add(user_key)


def _discount(message: MessageState, changes: Changes) -> None:
    prior = changes.prior
    pair_key, user_key = Pair(message.channel, message.user), UserKey(message.partition, message.user)
    position = prior.partitions[message.partition]
    pair, channel, user = prior.pairs[pair_key], prior.channels[message.channel], prior.users[user_key]
    for counted in (pair, channel, user):
        counted.messages -= 1
    position.messages -= 1
    position.channels -= channel.messages == 0
    changes.pairs.add(pair_key)
    changes.channels.add(message.channel)
    changes.users.add(user_key)
    # Only the newest one leaves a gap; to look for the next newest of a channel is to look at all its pairs.
    if message.ts_ms >= pair.last_ms:
        changes.pairs_to_recount.add(pair_key)
    if message.ts_ms >= channel.last_ms:
        changes.channels_to_recount.add(message.channel)
    if message.ts_ms >= user.last_ms:
        changes.users_to_recount.add(user_key)
