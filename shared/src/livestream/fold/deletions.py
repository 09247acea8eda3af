"""The fold of a channel's and of a user's deletion: a recount of the pairs that it reaches, not of every message.

A user's deletion recounts all its pairs in the partition; a channel may have so many that its users' counts follow
(`livestream.fold.recounts`).

A deletion takes effect at the earlier of its own `ts` and its append time. What is on the log already and is later than
that survives; the store counts those (normally few) before the step. Pure, as `livestream.fold.messages`.
"""

import msgspec

from livestream.deltas import RemovedName
from livestream.events import ChannelDeleted, UserDeleted
from livestream.fold.changes import Changes
from livestream.fold.messages import Record, advance
from livestream.fold.recounts import go_on, settle
from livestream.fold.state import (
    NO_DISPLAY_NAME,
    ChannelState,
    DisplayName,
    MessageState,
    Pair,
    PairState,
    Prior,
    UserKey,
    UserState,
)


class Survivors(msgspec.Struct):
    """What a deletion leaves of its channel or user (in one partition).

    `pairs`: counts of visible messages whose time is later than the deletion; a pair with none is absent.
    `hidden_ahead`: visible messages that the deletion hides although their `ts` is later, since their upstream's clock
    ran fast; a client cannot tell, so they are named one by one.
    `display`: the newest display name among later posts.
    """

    pairs: dict[Pair, PairState] = msgspec.field(default_factory=dict)
    hidden_ahead: list[MessageState] = msgspec.field(default_factory=list)
    display: DisplayName = NO_DISPLAY_NAME


class UserDeletion(msgspec.Struct, frozen=True):
    """One record of `users.v1`, read: the user is gone up to `deleted_ms`. `checksum` is as in `Record`."""

    offset: int
    user: str
    deleted_ms: int
    checksum: int = 0


def deletion_time_ms(event: ChannelDeleted | UserDeleted, append_ms: int) -> int:
    """When a deletion takes effect: a clock that runs fast does not delete the future."""
    return min(event.ts_ms, append_ms)


def fold_channel_deletion(
    record: Record, event: ChannelDeleted, prior: Prior, survivors: Survivors, reached: str | None
) -> Changes:
    """Fold one `channel.deleted`.

    `prior` holds the channel, the pairs of survivors, the first of its other pairs, and their users. `reached` is the
    last name of those where there are further pairs.
    """
    changes = Changes(prior)
    advance(prior, record)
    channel = prior.channels.setdefault(event.channel, ChannelState(record.partition))
    deleted_ms = deletion_time_ms(event, record.append_ms)
    changes.outcomes["channel_deleted"] += 1
    if deleted_ms <= channel.deleted_ms:
        return changes
    channel.deleted_ms, channel.display = deleted_ms, survivors.display
    changes.channels.add(event.channel)
    changes.removed_channels.append(RemovedName(event.channel, deleted_ms))
    _leave(survivors, channel, changes)
    settle(changes)
    go_on(changes, record.partition, event.channel, reached)
    _hide_ahead(survivors, changes)
    return changes


def _leave(survivors: Survivors, channel: ChannelState, changes: Changes) -> None:
    """Take all away from a channel but its survivors."""
    prior, position = changes.prior, changes.prior.partitions[channel.partition]
    left = sum(pair.messages for pair in survivors.pairs.values())
    position.messages += left - channel.messages
    position.channels += (left > 0) - (channel.messages > 0)
    channel.messages = left
    channel.last_ms = max((pair.last_ms for pair in survivors.pairs.values()), default=channel.last_ms)
    for key, surviving in survivors.pairs.items():
        pair, user_key = prior.pairs[key], UserKey(channel.partition, key.user)
        prior.users[user_key].messages += surviving.messages - pair.messages
        pair.messages, pair.last_ms = surviving.messages, surviving.last_ms
        pair.counted_from_ms = channel.deleted_ms
        changes.pairs.add(key)
        changes.users.add(user_key)
        changes.users_to_recount.add(user_key)


def fold_user_deletion(partition: int, deletion: UserDeletion, prior: Prior, survivors: Survivors) -> Changes:
    """Fold one `user.deleted` in one partition. `prior` holds the user, its pairs there, and their channels."""
    changes = Changes(prior)
    settle(changes)
    advance_users(prior, partition, deletion.offset, deletion.checksum)
    user = prior.users.setdefault(UserKey(partition, deletion.user), UserState())
    changes.outcomes["user_deleted"] += 1
    if deletion.deleted_ms <= user.deleted_ms:
        return changes
    user.deleted_ms, user.display = deletion.deleted_ms, survivors.display
    changes.users.add(UserKey(partition, deletion.user))
    changes.removed_users.append(RemovedName(deletion.user, deletion.deleted_ms))
    _recount(partition, survivors, changes)
    return changes


def advance_users(prior: Prior, partition: int, offset: int, checksum: int) -> None:
    """Move a partition past a record of `users.v1`, whether it was a deletion or not."""
    position = prior.partitions[partition]
    position.users_offset, position.users_checksum = offset + 1, checksum


def _recount(partition: int, survivors: Survivors, changes: Changes) -> None:
    prior, position = changes.prior, changes.prior.partitions[partition]
    for key, pair in prior.pairs.items():
        left = survivors.pairs.get(key, PairState())
        gone = pair.messages - left.messages
        if not gone:
            continue
        channel, user = prior.channels[key.channel], prior.users[UserKey(partition, key.user)]
        last_ms = pair.last_ms
        position.channels -= channel.messages == gone
        for counted in (pair, channel, user, position):
            counted.messages -= gone
        if left.messages:
            pair.last_ms = left.last_ms
        changes.pairs.add(key)
        changes.channels.add(key.channel)
        changes.users.add(UserKey(partition, key.user))
        if last_ms >= channel.last_ms:
            changes.channels_to_recount.add(key.channel)
        changes.users_to_recount.add(UserKey(partition, key.user))
    _hide_ahead(survivors, changes)


def _hide_ahead(survivors: Survivors, changes: Changes) -> None:
    for message in survivors.hidden_ahead:
        changes.hidden(message)
