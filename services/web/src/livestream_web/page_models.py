"""What templates show: rows of the read model, with everything worked out that a template should not. Pure."""

from typing import Final

import msgspec

from livestream import times
from livestream.deltas import MessageRow, NameRow
from livestream.frames import View
from livestream.history import HistoryKey
from livestream.serving import NameOrder
from livestream_web.paging import NameKey, write_token
from livestream_web.queries import SORTS
from livestream_web.reads import NameKind

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


class MessageBlock(msgspec.Struct, frozen=True):
    """A list of messages, newest first.

    `window`: how many rows the stream's window holds; 0 on a page of history, which has a fixed upper end instead:
    `below`, the order key [ts, channel, offset] that all its messages are below, as JSON. `api`: the API's address of
    exactly this list. `next_page`: the address of older messages, None where there are none.
    """

    rows: list[ShownMessage]
    window: int
    below: str
    api: str
    next_page: str | None


class NameBlock(msgspec.Struct, frozen=True):
    """A table of channels or users.

    `window` as in MessageBlock, with `after` as the row (JSON) that all rows stand behind. `sortable`: whether its
    heads link to other orders.
    """

    kind: NameKind
    rows: list[NameRow]
    sort: str
    window: int
    after: str
    api: str
    next_page: str | None
    sortable: bool = True


def live_messages(path: str, api: str, view: View, rows: list[MessageRow], *, has_older: bool) -> MessageBlock:
    """`rows` as a window has them, oldest first. `path` and `api`: addresses of the page, of its list in the API."""
    shown = [_decode_message(row.json) for row in reversed(rows)]
    next_page = f"{path}?page={write_token(HistoryKey(*rows[0].order))}" if has_older and rows else None
    return MessageBlock(shown, view.limits.messages, "", f"{api}?limit={view.limits.messages}", next_page)


def past_messages(
    path: str, api: str, rows: list[MessageRow], below: HistoryKey, next_key: HistoryKey | None
) -> MessageBlock:
    """A page of history, `rows` newest first."""
    return MessageBlock(
        rows=[_decode_message(row.json) for row in rows],
        window=0,
        below=_encode((times.format_ms(below.ts_ms), below.channel, below.offset)).decode(),
        api=f"{api}?limit={HISTORY_ROWS}&page={write_token(below)}",
        next_page=f"{path}?page={write_token(next_key)}" if next_key else None,
    )


def live_names(kind: NameKind, rows: list[NameRow], window: int, *, has_more: bool, sortable: bool = True) -> NameBlock:
    """The rows with most messages, in that order."""
    sort, order = next(iter(SORTS.items()))
    last = NameKey(order, -rows[-1].messages, rows[-1].name) if has_more and rows else None
    next_page = f"/{kind}?page={write_token(last)}" if last else None
    return NameBlock(kind, rows, sort, window, "", f"/api/v1/{kind}?limit={window}", next_page, sortable)


def listed_names(
    kind: NameKind, sort: str, rows: list[NameRow], limit: int, after: NameKey | None, next_key: NameKey | None
) -> NameBlock:
    """A page of an order that no window covers."""
    page = f"&page={write_token(after)}" if after else ""
    return NameBlock(
        kind=kind,
        rows=rows,
        sort=sort,
        window=0,
        after=_row_of_key(after) if after else "",
        api=f"/api/v1/{kind}?sort={sort}&limit={limit}{page}",
        next_page=f"/{kind}?sort={sort}&page={write_token(next_key)}" if next_key else None,
    )


def _row_of_key(key: NameKey) -> str:
    """The row that the key was made of, as far as its order looks at it."""
    messages = -key.score if key.order is NameOrder.MESSAGES else 0
    last = times.format_ms(-key.score) if key.order is NameOrder.LAST else ""
    return _encode({"name": key.name, "messages": messages, "last_message_at": last}).decode()
