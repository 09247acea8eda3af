"""A window: the rows of one view at one position of the delta log. Pure: deltas in, rows out."""

import copy
from collections.abc import Iterable, Iterator

from livestream.deltas import Delta, MessageKey, MessageRow, NameRow, RemovedName, Totals
from livestream.frames.views import View, ViewKind


def message_order(row: MessageRow) -> tuple[int, str]:
    """The order of every view, (ts, channel, offset): the member sorts like the latter two."""
    return (row.ts_ms, row.member)


def most_first(row: NameRow) -> tuple[int, str]:
    """The order of channels and users: most messages first, then by name."""
    return (-row.messages, row.name)


class Window:
    """What a client of the view holds at `sequence`.

    `needs_refill` is true while a removal may have let in a row that the deltas do not carry: the window has to be read
    anew before it is shown, unless later deltas fill it.
    """

    def __init__(
        self,
        view: View,
        sequence: int,
        totals: Totals,
        messages: Iterable[MessageRow] = (),
        channels: Iterable[NameRow] = (),
        users: Iterable[NameRow] = (),
    ) -> None:
        self.view = view
        self.sequence = sequence
        self.totals = totals
        self.messages = MessageRows(view.limits.messages, messages)
        self.channels = NameRows(view.limits.channels, view.name, channels)
        self.users = NameRows(view.limits.users, view.name, users)

    @property
    def needs_refill(self) -> bool:
        return self.messages.needs_refill or self.channels.needs_refill or self.users.needs_refill

    def copy(self) -> "Window":
        """A window of the same rows that stays as it is when this one moves on."""
        twin = copy.copy(self)
        twin.messages = copy.copy(self.messages)
        twin.channels, twin.users = copy.copy(self.channels), copy.copy(self.users)
        return twin

    def apply(self, delta: Delta) -> None:
        """Move on by one delta. Deltas that the window reflects already change nothing."""
        if delta.sequence <= self.sequence:
            return
        self.sequence = delta.sequence
        self.totals = delta.totals
        if self.view.limits.messages:
            self.messages.remove({MessageKey(removed.channel, removed.id) for removed in delta.removed_messages})
            self.messages.remove_named(delta.removed_channels, delta.removed_users)
            self.messages.put(messages_of(self.view, delta))
        self.channels.put(delta.channels)
        self.users.put(delta.users)


def messages_of(view: View, delta: Delta) -> list[MessageRow]:
    """The messages of a delta that a view shows."""
    if view.kind is ViewKind.CHANNEL:
        return [row for row in delta.messages if row.channel == view.name]
    if view.kind is ViewKind.USER:
        return [row for row in delta.messages if row.user == view.name]
    return delta.messages


class MessageRows:
    """The newest messages. All that stand at or above `_floor` are held; None where all that exist are.

    `_rows` is never changed in place, so that a shallow copy is one.
    """

    def __init__(self, limit: int, rows: Iterable[MessageRow]) -> None:
        self._limit = limit
        self._rows = sorted(rows, key=message_order)
        self._floor: tuple[int, str] | None = None
        if len(self._rows) >= limit:
            self._trim()

    def __iter__(self) -> Iterator[MessageRow]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self) -> set[MessageKey]:
        return {row.key for row in self._rows}

    @property
    def needs_refill(self) -> bool:
        return self._floor is not None and len(self._rows) < self._limit

    def put(self, rows: Iterable[MessageRow]) -> None:
        floor = self._floor
        changed = {row.key: row for row in rows if floor is None or message_order(row) >= floor}
        if not changed:
            return
        kept = [row for row in self._rows if row.key not in changed]
        self._rows = sorted([*kept, *changed.values()], key=message_order)
        if len(self._rows) > self._limit:
            self._trim()

    def remove(self, keys: set[MessageKey]) -> None:
        if keys:
            self._rows = [row for row in self._rows if row.key not in keys]

    def remove_named(self, channels: list[RemovedName], users: list[RemovedName]) -> None:
        if channels or users:
            self._rows = [row for row in self._rows if not taken_along(row, channels, users)]

    def _trim(self) -> None:
        """At the limit there may be more below, though nobody has seen them."""
        self._rows = self._rows[len(self._rows) - self._limit :]
        self._floor = message_order(self._rows[0]) if self._rows else None


class NameRows:
    """The rows with most messages. All that rank at or before `_floor` are held; None where all that exist are.

    `_rows` is never changed in place, as above.
    """

    def __init__(self, limit: int, only: str, rows: Iterable[NameRow]) -> None:
        self._limit = limit
        self._only = only
        self._rows = {row.name: row for row in rows if row.messages and (not only or row.name == only)}
        self._floor: tuple[int, str] | None = None
        if limit and not only and len(self._rows) >= limit:
            self._trim()

    def __iter__(self) -> Iterator[NameRow]:
        return iter(self._rows.values())

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    @property
    def needs_refill(self) -> bool:
        return self._floor is not None and len(self._rows) < self._limit

    def put(self, rows: Iterable[NameRow]) -> None:
        if not self._limit:
            return
        held = dict(self._rows)
        for row in rows:
            if self._only and row.name != self._only:
                continue
            if row.messages and (self._floor is None or most_first(row) <= self._floor):
                held[row.name] = row
            else:
                held.pop(row.name, None)
        self._rows = held
        if len(held) > self._limit:
            self._trim()

    def _trim(self) -> None:
        ranked = sorted(self._rows.values(), key=most_first)[: self._limit]
        self._rows = {row.name: row for row in ranked}
        self._floor = most_first(ranked[-1])


def taken_along(row: MessageRow, channels: Iterable[RemovedName], users: Iterable[RemovedName]) -> bool:
    """Whether the removal of a channel or of a user reaches a message."""
    return any(row.channel == removed.name and row.ts_ms <= removed.up_to_ms for removed in channels) or any(
        row.user == removed.name and row.ts_ms <= removed.up_to_ms for removed in users
    )
