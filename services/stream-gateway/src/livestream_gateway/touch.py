"""Which views a tick's deltas can concern, so that all others are passed by. Pure."""

from collections.abc import Iterable

from livestream.deltas import Delta
from livestream.frames import View, ViewKind


class Touch:
    """The channels and users that deltas name. The removal of either may reach messages of any other."""

    def __init__(self, deltas: Iterable[Delta]) -> None:
        self._channels: set[str] = set()
        self._users: set[str] = set()
        self._all = False
        for delta in deltas:
            self._channels.update(row.channel for row in delta.messages)
            self._channels.update(row.name for row in delta.channels)
            self._channels.update(removed.channel for removed in delta.removed_messages)
            self._users.update(row.user for row in delta.messages)
            self._users.update(row.name for row in delta.users)
            self._users.update(removed.user for removed in delta.removed_messages)
            self._all = self._all or bool(delta.removed_channels or delta.removed_users)

    def concerns(self, view: View) -> bool:
        if not view.name or self._all:
            return True
        return view.name in (self._channels if view.kind is ViewKind.CHANNEL else self._users)
