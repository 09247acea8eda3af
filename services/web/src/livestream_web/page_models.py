"""What templates show: rows of the read model, with everything worked out that a template should not. Pure."""

from typing import Final
from urllib.parse import urlencode

import msgspec

from livestream import times
from livestream.deltas import MessageRow, NameRow
from livestream.frames import View
from livestream.history import HistoryKey
from livestream.serving import NameKind, NameOrder
from livestream_web.paging import NameKey, key_of_message, write_token
from livestream_web.queries import SORTS
from livestream_web.reads import HistoryPart

# A page of history holds this many: enough to read for a while, and small to load.
HISTORY_ROWS: Final = 100

_encode = msgspec.json.Encoder().encode


class ShownMessage(msgspec.Struct, frozen=True):
    """A message as frames and the API carry it."""

    id: str
    channel: str
    user: str
    ts: str
    text: str
    offset: int
    edited_at: str | None = None


_decode_message = msgspec.json.Decoder(ShownMessage).decode


class Live(msgspec.Struct, frozen=True):
    """What keeps a page current: its view, and the cursor that it was rendered at."""

    view: View
    cursor: str


class Listing(msgspec.Struct, frozen=True):
    """One list of messages: where its pages and the API's are, and the parameters that all of these have."""

    path: str
    api: str
    parameters: dict[str, str] = {}

    def page(self, **place: str) -> str:
        """The address of its page at a place, or of its first."""
        return _address(self.path, self.parameters | place)

    def rows(self, limit: int, **place: str) -> str:
        """The address of its rows in the API."""
        return _address(self.api, {**self.parameters, "limit": str(limit), **place})


class MessageBlock(msgspec.Struct, frozen=True):
    """A list of messages, newest first.

    `window`: how many rows the stream's window holds; 0 on a page of history, which has a fixed upper end instead:
    `below`, the order key [ts, channel, offset] that all its messages are below, as JSON. `api`: the API's address of
    exactly this list. `next_page`: the address of older messages, None where there are none; `previous_page`: of newer
    ones. `is_closed`: what is not on the page does not come to it, since its place in the order says nothing of whether
    it belongs there. `marked`: the order key of the message to look at first.
    """

    rows: list[ShownMessage]
    window: int
    below: str
    api: str
    path: str
    next_page: str | None
    previous_page: str | None = None
    is_closed: bool = False
    marked: HistoryKey | None = None

    def marks(self, message: ShownMessage) -> bool:
        """Whether a row is the one to look at first."""
        return self.marked is not None and (message.channel, message.offset) == self.marked[1:]


class NameBlock(msgspec.Struct, frozen=True):
    """A table of channels or users.

    `window` and `is_closed` as in MessageBlock, with `after` as the row (JSON) that all rows stand behind. `sortable`:
    whether its heads link to other orders. `beginning`: what the names begin with, where they were looked for.
    """

    kind: NameKind
    rows: list[NameRow]
    sort: str
    window: int
    after: str
    api: str
    next_page: str | None
    sortable: bool = True
    beginning: str = ""

    @property
    def is_closed(self) -> bool:
        return bool(self.beginning)

    def sorted_by(self, sort: str) -> str:
        """The address of the first page of these names in an order."""
        return _address(f"/{self.kind}", _name_parameters(sort, self.beginning))


def live_messages(path: str, api: str, view: View, rows: list[MessageRow], *, has_older: bool) -> MessageBlock:
    """`rows` as a window has them, oldest first. `path` and `api`: addresses of the page, of its list in the API."""
    listing, window = Listing(path, api), view.limits.messages
    shown = [_decode_message(row.json) for row in reversed(rows)]
    next_page = listing.page(page=write_token(key_of_message(rows[0]))) if has_older and rows else None
    return MessageBlock(shown, window, "", listing.rows(window), path, next_page)


def past_messages(listing: Listing, part: HistoryPart, marked: HistoryKey | None = None) -> MessageBlock:
    """A page of history."""
    return MessageBlock(
        rows=[_decode_message(row.json) for row in part.rows],
        window=0,
        below=_encode((times.format_ms(part.below.ts_ms), part.below.channel, part.below.offset)).decode(),
        api=listing.rows(HISTORY_ROWS, page=write_token(part.below)),
        path=listing.page(),
        next_page=listing.page(page=write_token(part.older)) if part.older else None,
        previous_page=listing.page(above=write_token(part.newer)) if part.newer else None,
        is_closed=bool(listing.parameters),
        marked=marked,
    )


def live_names(kind: NameKind, rows: list[NameRow], window: int, *, has_more: bool, sortable: bool = True) -> NameBlock:
    """The rows with most messages, in that order."""
    sort, order = next(iter(SORTS.items()))
    last = NameKey(order, -rows[-1].messages, rows[-1].name) if has_more and rows else None
    next_page = f"/{kind}?page={write_token(last)}" if last else None
    return NameBlock(kind, rows, sort, window, "", f"/api/v1/{kind}?limit={window}", next_page, sortable)


def listed_names(
    kind: NameKind,
    sort: str,
    rows: list[NameRow],
    limit: int,
    after: NameKey | None,
    next_key: NameKey | None,
    beginning: str = "",
) -> NameBlock:
    """A page of an order that no window covers."""
    parameters = _name_parameters(sort, beginning)
    page = {"page": write_token(after)} if after else {}
    return NameBlock(
        kind=kind,
        rows=rows,
        sort=sort,
        window=0,
        after=_row_of_key(after) if after else "",
        api=_address(f"/api/v1/{kind}", {**parameters, "limit": str(limit), **page}),
        next_page=_address(f"/{kind}", {**parameters, "page": write_token(next_key)}) if next_key else None,
        beginning=beginning,
    )


def _name_parameters(sort: str, beginning: str) -> dict[str, str]:
    named = {"q": beginning} if beginning else {}
    return named if sort == next(iter(SORTS)) else {**named, "sort": sort}


def _address(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _row_of_key(key: NameKey) -> str:
    """The row that the key was made of, as far as its order looks at it."""
    messages = -key.score if key.order is NameOrder.MESSAGES else 0
    last = times.format_ms(-key.score) if key.order is NameOrder.LAST else ""
    return _encode({"name": key.name, "messages": messages, "last_message_at": last}).decode()
