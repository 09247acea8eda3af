"""What a client of one view holds, by the contract's section 4: snapshots replace, deltas remove and then put rows."""

from copy import copy

import msgspec

from livestream_auditor.verify.rows import MessageJson


class TotalsJson(msgspec.Struct, frozen=True):
    messages: int
    channels: int
    users: int


class NameJson(msgspec.Struct, frozen=True):
    name: str
    messages: int
    last_message_at: str | None = None
    display_name: str = ""


class RemovedJson(msgspec.Struct, frozen=True):
    messages: list[tuple[str, str]] = []
    channels: list[tuple[str, str]] = []
    users: list[tuple[str, str]] = []


class Frame(msgspec.Struct, frozen=True):
    """The data of `snapshot` and `delta`."""

    view: str
    totals: TotalsJson | None = None
    removed: RemovedJson = RemovedJson()
    messages: list[MessageJson] = []
    channels: list[NameJson] = []
    users: list[NameJson] = []


decode_frame = msgspec.json.Decoder(Frame).decode


class ViewHeld:
    """What a client holds of one view; what falls out of the window below stays."""

    def __init__(self) -> None:
        self.totals: TotalsJson | None = None
        self.messages: dict[tuple[str, str], MessageJson] = {}
        self.channels: dict[str, NameJson] = {}
        self.users: dict[str, NameJson] = {}

    def copy(self) -> "ViewHeld":
        """Of the same rows; it stays as it is when this one changes."""
        twin = copy(self)
        twin.messages, twin.channels, twin.users = dict(self.messages), dict(self.channels), dict(self.users)
        return twin

    def newest(self, count: int) -> list[MessageJson]:
        """In display order, oldest first."""
        rows = sorted(self.messages.values(), key=lambda row: (row.ts, row.channel, row.offset))
        return rows[max(0, len(rows) - count) :]

    def trim(self, messages: int, names: int) -> None:
        """Forget what lies below the window: what enters it is always told."""
        self.messages = {(row.channel, row.id): row for row in self.newest(messages)}
        for rows in (self.channels, self.users):
            for row in sorted(rows.values(), key=lambda row: (-row.messages, row.name))[names:]:
                del rows[row.name]

    def replace(self, frame: Frame) -> None:
        """Take a snapshot."""
        self.messages.clear()
        self.channels.clear()
        self.users.clear()
        self._put(frame)

    def change(self, frame: Frame) -> None:
        """Take a delta: removals apply before rows."""
        for key in frame.removed.messages:
            self.messages.pop(key, None)
        channels, users = dict(frame.removed.channels), dict(frame.removed.users)
        for channel in channels:
            self.channels.pop(channel, None)
        for user in users:
            self.users.pop(user, None)
        if channels or users:
            self.messages = {
                key: row
                for key, row in self.messages.items()
                # Times of one form compare as text. "" is before all of them.
                if row.ts > channels.get(row.channel, "") and row.ts > users.get(row.user, "")
            }
        self._put(frame)

    def _put(self, frame: Frame) -> None:
        self.totals = frame.totals or self.totals
        self.messages.update(((row.channel, row.id), row) for row in frame.messages)
        self.channels.update((row.name, row) for row in frame.channels)
        self.users.update((row.name, row) for row in frame.users)
