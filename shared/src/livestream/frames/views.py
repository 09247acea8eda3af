"""Views: what one page watches, and how much of it a window holds (contract, section 4)."""

from enum import StrEnum
from typing import NamedTuple

from livestream.texts import check_name


class ViewKind(StrEnum):
    HOME = "home"
    MESSAGES = "messages"
    CHANNELS = "channels"
    USERS = "users"
    CHANNEL = "channel"
    USER = "user"


class Limits(NamedTuple):
    """How many rows a window holds, the most of each key; 0 where the view does not use the key."""

    messages: int
    channels: int
    users: int


LIMITS = {
    ViewKind.HOME: Limits(50, 10, 10),
    ViewKind.MESSAGES: Limits(200, 0, 0),
    ViewKind.CHANNELS: Limits(0, 500, 0),
    ViewKind.USERS: Limits(0, 0, 500),
    ViewKind.CHANNEL: Limits(50, 1, 0),
    ViewKind.USER: Limits(50, 0, 1),
}

_PLAIN = {kind.value: kind for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)}
_NAMED = {"channels/": ViewKind.CHANNEL, "users/": ViewKind.USER}


class View(NamedTuple):
    """`name` is the channel or user of a view of one, else ""."""

    kind: ViewKind
    name: str = ""

    def __str__(self) -> str:
        """The plain name, as frames carry it: `home`, `users/Zoë`."""
        if self.kind is ViewKind.CHANNEL:
            return f"channels/{self.name}"
        if self.kind is ViewKind.USER:
            return f"users/{self.name}"
        return self.kind.value

    @property
    def limits(self) -> Limits:
        return LIMITS[self.kind]

    @property
    def has_totals(self) -> bool:
        return not self.name

    @classmethod
    def parse(cls, text: str) -> "View":
        """Read a plain view name. Raises ValueError where there is no such view."""
        if text in _PLAIN:
            return cls(_PLAIN[text])
        for prefix, kind in _NAMED.items():
            if text.startswith(prefix):
                return cls(kind, check_name(text[len(prefix) :]))
        raise ValueError("must be home, messages, channels, users, channels/<name> or users/<name>")
