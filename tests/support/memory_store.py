"""The read model in dictionaries: what the projector's store does in Postgres, for tests of the pure fold."""

import copy
from collections.abc import Iterable, Sequence

from livestream.deltas import Batch, MessageKey
from livestream.events import ChannelDeleted
from livestream.fold import (
    NEVER_MS,
    NO_DISPLAY_NAME,
    Changes,
    ChannelState,
    DisplayName,
    MessageState,
    Pair,
    PairState,
    PartitionState,
    Prior,
    Record,
    Survivors,
    UserDeletion,
    UserKey,
    UserState,
    deletion_time_ms,
    fold_channel_deletion,
    fold_messages,
    fold_recount,
    fold_user_deletion,
    own_messages,
    own_rows,
    touched_by,
    touched_through,
)


class MemoryStore:
    """One generation. `fold`, `fold_user_deletion` and `recount` commit at once and return the batch to publish.

    `recounted_at_once` is how many users' counts follow a channel's deletion in one step.
    """

    def __init__(self, partitions: int, recounted_at_once: int = 5_000) -> None:
        self.recounted_at_once = recounted_at_once
        self.partitions = {partition: PartitionState() for partition in range(partitions)}
        self.messages: dict[MessageKey, MessageState] = {}
        self.channels: dict[str, ChannelState] = {}
        self.users: dict[UserKey, UserState] = {}
        self.pairs: dict[Pair, PairState] = {}
        self.recounting: dict[str, str] = {}
        self.dead_letters: list[str] = []
        self.published: list[Batch] = []

    def fold(self, records: Sequence[Record]) -> Batch:
        return self.commit(self.changes_of(records, self.positions({record.partition for record in records})))

    def fold_user_deletion(self, partition: int, deletion: UserDeletion) -> Batch:
        return self.commit(self.changes_of_user_deletion(partition, deletion, self.positions([partition])))

    def recount(self, partition: int) -> Batch:
        """The next step of some channel, in a partition that is `recounting`."""
        changes = self.changes_of_recount(partition, self.positions([partition]))
        assert changes, "nothing is left to recount"
        return self.commit(changes)

    def positions(self, partitions: Iterable[int]) -> dict[int, PartitionState]:
        """Where the fold of each partition stands, for the caller to change."""
        return {partition: copy.copy(self.partitions[partition]) for partition in partitions}

    def changes_of(
        self, records: Sequence[Record], partitions: dict[int, PartitionState], known: Prior | None = None
    ) -> Changes:
        """Fold one run of `livestream.fold.split` on what is stored; nothing is written.

        `known`: what a batch before it has come to, which may not be stored yet.
        """
        event = records[0].event
        if isinstance(event, ChannelDeleted):
            deleted_ms = deletion_time_ms(event, records[0].append_ms)
            reached = [message for message in self.messages.values() if message.channel == event.channel]
            survivors = self._survivors(reached, deleted_ms, "channel")
            pairs, further = self._next_pairs(event.channel, "", deleted_ms)
            prior = self._prior_of_recount(partitions, event.channel, {*pairs, *survivors.pairs})
            return fold_channel_deletion(records[0], event, prior, survivors, further)
        touched = touched_by(records)
        known = known or Prior({})
        found = {key: self._effective(self.messages[key]) for key in touched.messages if key in self.messages}
        found |= own_messages(known.messages, touched.messages)
        through = touched_through(found.values())
        users, posted_in = touched.users | through.users, touched.pairs | through.pairs
        prior = self._prior(partitions, pairs=posted_in, channels=touched.channels, users=users)
        prior.messages = found
        prior.channels |= own_rows(known.channels, touched.channels)
        prior.users |= own_rows(known.users, users)
        prior.pairs |= own_rows(known.pairs, posted_in)
        return fold_messages(records, prior)

    def changes_of_recount(self, partition: int, partitions: dict[int, PartitionState]) -> Changes | None:
        """The same of the next step by which users' counts follow a channel's deletion; None where there is none."""
        waiting = [name for name in self.recounting if self.channels[name].partition == partition]
        if not waiting:
            return None
        channel = min(waiting)
        pairs, further = self._next_pairs(channel, self.recounting[channel], self.channels[channel].deleted_ms)
        return fold_recount(partition, channel, self._prior_of_recount(partitions, channel, set(pairs)), further)

    def changes_of_user_deletion(
        self, partition: int, deletion: UserDeletion, partitions: dict[int, PartitionState]
    ) -> Changes:
        """The same of one record of `users.v1`, for one partition."""
        pairs = [
            pair
            for pair in self.pairs
            if pair.user == deletion.user and self.channels[pair.channel].partition == partition
        ]
        prior = self._prior(
            partitions,
            pairs=pairs,
            channels=[pair.channel for pair in pairs],
            users=[UserKey(partition, deletion.user)],
        )
        reached = [m for m in self.messages.values() if m.user == deletion.user and m.partition == partition]
        survivors = self._survivors(reached, deletion.deleted_ms, "user")
        return fold_user_deletion(partition, deletion, prior, survivors)

    def visible(self) -> list[MessageState]:
        return [message for message in map(self._effective, self.messages.values()) if message.visible]

    def _prior(self, partitions: dict[int, PartitionState], *, pairs: object, channels: object, users: object) -> Prior:
        return Prior(
            partitions,
            pairs=_found(self.pairs, pairs),
            channels=_found(self.channels, channels),
            users=_found(self.users, users),
        )

    def _prior_of_recount(self, partitions: dict[int, PartitionState], channel: str, pairs: set[Pair]) -> Prior:
        (partition,) = partitions
        users = [UserKey(partition, pair.user) for pair in pairs]
        prior = self._prior(partitions, pairs=pairs, channels=[channel], users=users)
        prior.recounting = {
            name: reached for name, reached in self.recounting.items() if self.channels[name].partition == partition
        }
        return prior

    def _next_pairs(self, channel: str, after: str, deleted_ms: int) -> tuple[list[Pair], str | None]:
        """Pairs that do not know of the channel's deletion, and the last one's user where there may be more."""
        pairs = sorted(
            key
            for key, pair in self.pairs.items()
            if key.channel == channel and key.user > after and pair.messages and pair.counted_from_ms < deleted_ms
        )[: self.recounted_at_once]
        return pairs, pairs[-1].user if len(pairs) == self.recounted_at_once else None

    def _effective(self, message: MessageState) -> MessageState:
        """As it is read: a deletion hides rows whose own flag it has not reached yet."""
        effective = copy.copy(message)
        channel = self.channels.get(message.channel)
        user = self.users.get(UserKey(message.partition, message.user))
        deleted_ms = max(channel.deleted_ms if channel else NEVER_MS, user.deleted_ms if user else NEVER_MS)
        effective.visible = message.visible and message.time_ms > deleted_ms
        return effective

    def _survivors(self, reached: list[MessageState], deleted_ms: int, scope: str) -> Survivors:
        survivors = Survivors(display=_newest_display(reached, deleted_ms, scope))
        for message in map(self._effective, reached):
            if not message.visible:
                continue
            if message.time_ms > deleted_ms:
                pair = survivors.pairs.setdefault(Pair(message.channel, message.user), PairState())
                pair.messages += 1
                pair.last_ms = max(pair.last_ms, message.ts_ms)
            elif message.ts_ms > deleted_ms:
                message.text = None
                survivors.hidden_ahead.append(message)
        return survivors

    def commit(self, changes: Changes) -> Batch:
        """Write what was folded; returns the batch to publish."""
        prior = changes.prior
        for key, message in changes.messages.items():
            stored = copy.copy(message)
            if stored.text is None:
                stored.text = self.messages[key].text
            stored.stored = True
            self.messages[key] = stored
        for pair in changes.pairs_to_recount:
            newest = [m.ts_ms for m in self.visible() if (m.channel, m.user) == pair]
            if newest:
                prior.pairs[pair].last_ms = max(newest)
        self.pairs.update((pair, prior.pairs[pair]) for pair in changes.pairs)
        for name in changes.channels_to_recount:
            deleted_ms = self.channels[name].deleted_ms if name in self.channels else NEVER_MS
            newest = [
                state.last_ms
                for pair, state in self.pairs.items()
                if pair.channel == name and state.messages and state.counted_from_ms >= deleted_ms
            ]
            prior.channels[name].last_ms = max(newest, default=prior.channels[name].last_ms)
        self.channels.update((name, prior.channels[name]) for name in changes.channels)
        for user in changes.users_to_recount:
            newest = [
                state.last_ms
                for pair, state in self.pairs.items()
                if pair.user == user.user and state.messages and self.channels[pair.channel].partition == user.partition
            ]
            prior.users[user].last_ms = max(newest, default=prior.users[user].last_ms)
        self.users.update((key, prior.users[key]) for key in changes.users)
        for channel, reached in changes.recounting.items():
            self.recounting.pop(channel, None)
            if reached is not None:
                self.recounting[channel] = reached
        self.partitions.update(prior.partitions)
        self.dead_letters += [str(letter.coordinates) for letter in changes.dead_letters]
        self.published.append(changes.batch())
        return self.published[-1]


def _found(table: dict, keys: object) -> dict:  # type: ignore[type-arg]
    return {key: copy.copy(table[key]) for key in keys if key in table}  # type: ignore[attr-defined]


def _newest_display(reached: list[MessageState], deleted_ms: int, scope: str) -> DisplayName:
    names = [
        DisplayName(name, message.ts_ms, message.channel, message.offset)
        for message in reached
        if message.time_ms > deleted_ms and (name := getattr(message, f"{scope}_display_name"))
    ]
    return max(names, key=lambda display: display.order, default=NO_DISPLAY_NAME)
