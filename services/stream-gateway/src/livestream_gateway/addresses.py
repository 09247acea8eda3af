"""Which views an address names. Pure."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

from livestream.frames import View

MAX_VIEWS: Final = 16


class UnknownViewError(Exception):
    """There is no such view."""


class BadAddressError(Exception):
    """The address cannot name a view; its text says why."""


def view_of_path(raw_path: str) -> View:
    """The view of what follows `/v1/streams/`, as it was sent: `users/a%2Fb` is the user `a/b`.

    Raises UnknownViewError or BadAddressError.
    """
    kind, slash, raw_name = raw_path.partition("/")
    if slash and (kind not in ("users", "channels") or "/" in raw_name):
        raise UnknownViewError(raw_path)
    if not slash and kind not in ("home", "messages", "channels", "users"):
        raise UnknownViewError(raw_path)
    try:
        return View.parse(kind + slash + unquote_to_bytes(raw_name).decode())
    except UnicodeDecodeError:
        raise BadAddressError("the name must be percent-encoded UTF-8") from None
    except ValueError as error:
        raise BadAddressError(f"the name {error}") from None


def views_of_query(names: Sequence[str]) -> list[View]:
    """The views of `?view=…&view=…`, each once. Raises BadAddressError."""
    if not names:
        raise BadAddressError("`view` is required, once a view: home, messages, channels, users, channels/<name>, …")
    if len(names) > MAX_VIEWS:
        raise BadAddressError(f"`view` may be given {MAX_VIEWS} times, and is {len(names)} times")
    views: dict[View, None] = {}
    for name in names:
        try:
            views[View.parse(name)] = None
        except ValueError as error:
            raise BadAddressError(f"`view` is {name!r}, but {error}") from None
    return list(views)
