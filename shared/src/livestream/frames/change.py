"""A change: what a client of one view has to be told to go from one position to a later one. Pure."""

import copy
from collections.abc import Iterable

from livestream import times
from livestream.deltas import Delta, MessageKey, MessageRow, NameRow, RemovedName
from livestream.frames.views import View, ViewKind
from livestream.frames.window import NameRows, Window, message_order, messages_of, most_first, taken_along

# What a client of these views misses is never skipped: it is told, or told to start anew.
_COMPLETE_KINDS = frozenset({ViewKind.MESSAGES, ViewKind.CHANNEL, ViewKind.USER})

# Home shows no more than the newest messages: that many windows of them are held before the rest is let go.
_HELD_WINDOWS = 4


class Change:
    """Deltas folded into the rows that changed, each at its newest value; counts are conflated by that."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.shrank = False
        self.removed_messages: set[MessageKey] = set()
        self.removed_channels: dict[str, int] = {}
        self.removed_users: dict[str, int] = {}
        self.messages: dict[MessageKey, MessageRow] = {}
        self.channels: dict[str, NameRow] = {}
        self.users: dict[str, NameRow] = {}
        self._fallen: set[str] = set()
        self._let_go = False

    def add(self, delta: Delta) -> None:
        """Fold in the next delta."""
        limits = self.view.limits
        if limits.messages:
            self._remove(delta)
            self.messages.update((row.key, row) for row in messages_of(self.view, delta))
            if self.view.kind is ViewKind.HOME and len(self.messages) > _HELD_WINDOWS * limits.messages:
                self.messages = _newest(self.messages, limits.messages)
                self._let_go = True
        channels = self._rows_of(delta.channels) if limits.channels else []
        users = self._rows_of(delta.users) if limits.users else []
        self.channels.update((row.name, row) for row in channels)
        self.users.update((row.name, row) for row in users)
        if delta.shrinks:
            self.shrank = True
            self._fallen.update(row.name for row in (*channels, *users))
        self._take_zero_rows(channels, self.removed_channels)
        self._take_zero_rows(users, self.removed_users)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell but, perhaps, new totals."""
        return not (
            self.messages
            or self.channels
            or self.users
            or self.removed_messages
            or self.removed_channels
            or self.removed_users
        )

    @property
    def misses_too_much(self) -> bool:
        """Whether it holds more than the view's window, so that the window is the shorter way to tell it."""
        limits = self.view.limits
        if self.view.kind in _COMPLETE_KINDS:
            return max(len(self.messages), len(self.removed_messages)) > limits.messages
        if self.view.kind is ViewKind.HOME:
            gone = len(self.removed_messages) + len(self.removed_channels) + len(self.removed_users)
            return len(self._fallen) + gone > sum(limits)
        return len(self.channels) > limits.channels or len(self.users) > limits.users

    @property
    def misses_messages(self) -> bool:
        """Whether some of the messages that clients must not miss are not in the window any more."""
        return self.view.kind in _COMPLETE_KINDS and len(self.messages) > self.view.limits.messages

    def is_told_by(self, window: Window) -> bool:
        """Whether the window at the end tells every message that clients must not miss."""
        return self.view.kind not in _COMPLETE_KINDS or self.messages.keys() <= window.messages.keys()

    def completed(self, window: Window, before: Window | None) -> "Change":
        """With what the window at the end holds and the deltas do not carry: a change to be told.

        `before` is the window that the clients hold; None where that is not known any more, as for one that resumes:
        after removals it is then told the whole window.
        """
        twin = copy.copy(self)
        if before and not self._let_go:
            known = before.messages.keys()
            entered = [row for row in window.messages if row.key not in known]
        else:
            entered = list(window.messages) if self.shrank else []
        twin.messages = {row.key: row for row in entered} | self.messages
        twin.channels = self._with_entered(self.channels, window.channels, before.channels if before else None)
        twin.users = self._with_entered(self.users, window.users, before.users if before else None)
        if self.view.kind is ViewKind.HOME:
            twin.messages = _newest(twin.messages, self.view.limits.messages)
        return twin

    def sorted_messages(self) -> list[MessageRow]:
        return sorted(self.messages.values(), key=message_order)

    def sorted_names(self, rows: dict[str, NameRow]) -> list[NameRow]:
        """Rows to tell, most messages first. At zero a row is a removal, but where the view is of that one name."""
        return sorted((row for row in rows.values() if row.messages or self.view.name), key=most_first)

    def _with_entered(self, rows: dict[str, NameRow], held: NameRows, before: NameRows | None) -> dict[str, NameRow]:
        changed = rows | {
            row.name: row
            for row in held
            if row.name not in rows and (self.shrank if before is None else row.name not in before)
        }
        if self.view.kind is not ViewKind.HOME:
            return changed
        # Home tells its top rows, and those that may have stood among them and fell.
        return {name: row for name, row in changed.items() if name in held or name in self._fallen}

    def _rows_of(self, rows: Iterable[NameRow]) -> list[NameRow]:
        return [row for row in rows if not self.view.name or row.name == self.view.name]

    def _remove(self, delta: Delta) -> None:
        """Note removals, and drop rows of earlier deltas that they reach."""
        view = self.view
        for removed in delta.removed_messages:
            if view.kind is ViewKind.USER and removed.user != view.name:
                continue
            if view.kind is ViewKind.CHANNEL and removed.channel != view.name:
                continue
            key = MessageKey(removed.channel, removed.id)
            self.messages.pop(key, None)
            self.removed_messages.add(key)
        channels = [r for r in delta.removed_channels if view.kind is not ViewKind.CHANNEL or r.name == view.name]
        users = [r for r in delta.removed_users if view.kind is not ViewKind.USER or r.name == view.name]
        if channels or users:
            self.messages = {k: row for k, row in self.messages.items() if not taken_along(row, channels, users)}
        _note(channels, self.removed_channels)
        _note(users, self.removed_users)

    def _take_zero_rows(self, rows: Iterable[NameRow], removed: dict[str, int]) -> None:
        """A row whose count fell to zero is a removal; where it comes back, its row follows the removal."""
        if self.view.name:
            return
        # What never had a message has no time of one either, and RFC 3339 cannot write "never".
        _note([RemovedName(row.name, max(row.last_ms, times.MIN_MS)) for row in rows if not row.messages], removed)


def _newest(messages: dict[MessageKey, MessageRow], limit: int) -> dict[MessageKey, MessageRow]:
    if len(messages) <= limit:
        return messages
    return {row.key: row for row in sorted(messages.values(), key=message_order)[-limit:]}


def _note(removals: Iterable[RemovedName], noted: dict[str, int]) -> None:
    for removed in removals:
        noted[removed.name] = max(noted.get(removed.name, removed.up_to_ms), removed.up_to_ms)
