"""A window: the rows of one view at one position of the delta log. Pure: deltas in, rows out."""

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

    `needs_refill` turns true when a removal may have let in a row that the deltas do not carry: the window has to be
    read anew before it is shown.
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
        self.messages = _Messages(view.limits.messages, messages)
        self.channels = _Names(view.limits.channels, view.name, channels)
        self.users = _Names(view.limits.users, view.name, users)

    @property
    def needs_refill(self) -> bool:
        return self.messages.needs_refill or self.channels.needs_refill or self.users.needs_refill

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


class _Messages:
    def __init__(self, limit: int, rows: Iterable[MessageRow]) -> None:
        self._limit = limit
        self._rows: list[MessageRow] = []
        self.needs_refill = False
        self.put(rows)

    def __iter__(self) -> Iterator[MessageRow]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, rows: Iterable[MessageRow]) -> None:
        changed = {row.key: row for row in rows}
        if not changed:
            return
        kept = [row for row in self._rows if row.key not in changed]
        self._rows = sorted([*kept, *changed.values()], key=message_order)[-self._limit :]

    def remove(self, keys: set[MessageKey]) -> None:
        if keys:
            self._keep([row for row in self._rows if row.key not in keys])

    def remove_named(self, channels: list[RemovedName], users: list[RemovedName]) -> None:
        if channels or users:
            self._keep([row for row in self._rows if not taken_along(row, channels, users)])

    def _keep(self, rows: list[MessageRow]) -> None:
        if len(rows) < len(self._rows) == self._limit:
            self.needs_refill = True
        self._rows = rows


class _Names:
    def __init__(self, limit: int, only: str, rows: Iterable[NameRow]) -> None:
        self._limit = limit
        self._only = only
        self._rows: dict[str, NameRow] = {}
        self.needs_refill = False
        self.put(rows)

    def __iter__(self) -> Iterator[NameRow]:
        return iter(self._rows.values())

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def put(self, rows: Iterable[NameRow]) -> None:
        if not self._limit:
            return
        full = len(self._rows) >= self._limit and not self._only
        touched = False
        for row in rows:
            if self._only and row.name != self._only:
                continue
            held = self._rows.pop(row.name, None)
            touched = True
            if held and full and row.messages < held.messages:
                self.needs_refill = True
            if row.messages:
                self._rows[row.name] = row
        if touched:
            ranked = sorted(self._rows.values(), key=most_first)[: self._limit]
            self._rows = {row.name: row for row in ranked}


def taken_along(row: MessageRow, channels: Iterable[RemovedName], users: Iterable[RemovedName]) -> bool:
    """Whether the removal of a channel or of a user reaches a message."""
    return any(row.channel == removed.name and row.time_ms <= removed.up_to_ms for removed in channels) or any(
        row.user == removed.name and row.time_ms <= removed.up_to_ms for removed in users
    )
