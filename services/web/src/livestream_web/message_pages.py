"""The pages that show messages: all of them, those of a channel or user, what is looked for, and one in its context.

The newest are live. All else is a page of history: it has a fixed upper end, and leads on in both directions.
"""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from livestream.deltas import MessageRow, NameRow
from livestream.frames import View, ViewKind
from livestream.history import HistoryFilter, HistoryKey
from livestream.serving import NameKind, Stand
from livestream_web.activity import ActivityChart
from livestream_web.page_models import (
    HISTORY_ROWS,
    Listing,
    Live,
    MessageBlock,
    live_messages,
    past_messages,
)
from livestream_web.paging import key_of_message, key_of_moment
from livestream_web.paths import PAGE_ID_SEGMENT, PAGE_NAME_SEGMENT, id_in_path, name_in_path, quote_name
from livestream_web.queries import BadParameterError, above_of, below_of
from livestream_web.reads import READS, Reads
from livestream_web.rendering import RENDERER
from livestream_web.search_form import SearchForm, without_empty_fields

# On each side of a time that is jumped to, and of a message that a link leads to: a screen or two of context.
AROUND_TIME_ROWS: Final = HISTORY_ROWS // 2
AROUND_MESSAGE_ROWS: Final = 25


class _Place:
    """Where in the order of messages a page of history is; none for the newest."""

    def __init__(self, request: web.Request, form: SearchForm) -> None:
        self.below, self.above = below_of(request), above_of(request)
        self.moment = None if form.at_ms is None else key_of_moment(form.at_ms)

    @property
    def is_newest(self) -> bool:
        return self.below is None and self.above is None and self.moment is None


async def messages(request: web.Request) -> web.Response:
    tidy = without_empty_fields(request)
    if tidy is not None:
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": tidy})
    reads, view, form = (
        request.app[READS],
        View(ViewKind.MESSAGES),
        SearchForm.of(request, "q", "channel", "user", "at"),
    )
    place, block = _Place(request, form), None
    lively: dict[str, ActivityChart] = {}
    if place.is_newest and not form.filters and not form.errors:
        lately = await reads.activity()
        read = await reads.window(view)
        totals, cursor, rows = read.window.totals, read.cursor, list(read.window.messages)
        block = live_messages("/messages", "/api/v1/messages", view, rows, has_older=totals.messages > len(rows))
        lively = {"activity": ActivityChart.at(lately, totals.messages, read.as_of_ms)}
    else:
        stand = await reads.stand()
        totals, cursor = stand.totals, stand.cursor
        listing = Listing("/messages", "/api/v1/messages", form.filters)
        form, block = await _looked_for(reads, stand, listing, form, form.wanted, place)
    context = {
        "live": Live(view, str(cursor)),
        "totals": totals,
        "messages": block,
        "form": form,
        "newest": _live_page(form),
        **lively,
    }
    return request.app[RENDERER].page(request, "messages.html", context, form.status)


async def channel(request: web.Request) -> web.Response:
    return await _name(request, "channels", ViewKind.CHANNEL)


async def user(request: web.Request) -> web.Response:
    return await _name(request, "users", ViewKind.USER)


async def permalink(request: web.Request) -> web.Response:
    """One message in its channel's context."""
    try:
        name, id_ = name_in_path(request, PAGE_NAME_SEGMENT), id_in_path(request, PAGE_ID_SEGMENT)
    except ValueError:
        raise web.HTTPNotFound from None
    reads, listing = request.app[READS], _listing("channels", name)
    stand = await reads.stand()
    row = await reads.message(stand, name, id_)
    if row is None:
        missing = {"channel": name, "newest": listing.path}
        return request.app[RENDERER].page(request, "message_missing.html", missing, HTTPStatus.NOT_FOUND)
    key = key_of_message(row)
    rows = AROUND_MESSAGE_ROWS
    part = await reads.around(stand, HistoryFilter(channel=name), key, above=rows + 1, below=rows)
    context = {
        "live": Live(View(ViewKind.CHANNEL, name), str(stand.cursor)),
        "channel": name,
        "messages": past_messages(listing, part, key),
        "newest": listing.path,
    }
    return request.app[RENDERER].page(request, "message.html", context)


async def _name(request: web.Request, kind: NameKind, view_kind: ViewKind) -> web.Response:
    try:
        name = name_in_path(request, PAGE_NAME_SEGMENT)
    except ValueError:
        raise web.HTTPNotFound from None
    reads, view, form = request.app[READS], View(view_kind, name), SearchForm.of(request, "at")
    place, listing, block = _Place(request, form), _listing(kind, name), None
    if place.is_newest and not form.errors:
        read = await reads.window(view)
        cursor, rows = read.cursor, list(read.window.messages)
        row = next(iter(read.window.channels if kind == "channels" else read.window.users), None)
        has_older = row is not None and row.messages > len(rows)
        block = live_messages(listing.path, listing.api, view, rows, has_older=has_older)
    else:
        stand, row = await reads.name(kind, name)
        wanted = HistoryFilter().narrowed_to(kind, name)
        cursor = stand.cursor
        form, block = await _looked_for(reads, stand, listing, form, wanted, place)
    context = {
        "live": Live(view, str(cursor)),
        "kind": kind,
        "row": row or NameRow(name, "", 0, 0),
        "messages": block,
        "form": form,
        "newest": listing.path,
    }
    status = form.status if row else HTTPStatus.NOT_FOUND
    return request.app[RENDERER].page(request, "name.html", context, status)


async def _looked_for(
    reads: Reads, stand: Stand, listing: Listing, form: SearchForm, wanted: HistoryFilter, place: _Place
) -> tuple[SearchForm, MessageBlock | None]:
    """The form, with what turns out to be wrong with it, and a page of history, or None where something is wrong."""
    if form.errors:
        return form, None
    try:
        return form, await _past(reads, stand, listing, wanted, place)
    except BadParameterError as error:
        return form.refused(error), None


async def _past(reads: Reads, stand: Stand, listing: Listing, wanted: HistoryFilter, place: _Place) -> MessageBlock:
    if place.below is not None:
        return past_messages(listing, await reads.below(stand, wanted, HISTORY_ROWS, place.below))
    if place.above is not None:
        return past_messages(listing, await reads.above(stand, wanted, HISTORY_ROWS, place.above))
    if place.moment is not None:
        rows = AROUND_TIME_ROWS
        part = await reads.around(stand, wanted, place.moment, above=rows, below=rows)
        return past_messages(listing, part, _nearest(part.rows, place.moment))
    return past_messages(listing, await reads.newest(stand, wanted, HISTORY_ROWS))


def _nearest(rows: list[MessageRow], place: HistoryKey) -> HistoryKey | None:
    """The first message from a place on, or else the last before it; `rows` are newest first."""
    keys = [key_of_message(row) for row in rows]
    return next((key for key in reversed(keys) if key >= place), keys[0] if keys else None)


def _listing(kind: NameKind, name: str) -> Listing:
    return Listing(f"/{kind}/{quote_name(name)}", f"/api/v1/{kind}/{quote_name(name)}/messages")


def _live_page(form: SearchForm) -> str:
    """The live page that has most to do with what is looked for."""
    filters = form.filters
    if "channel" in filters and "user" not in filters:
        return f"/channels/{quote_name(filters['channel'])}"
    if "user" in filters and "channel" not in filters:
        return f"/users/{quote_name(filters['user'])}"
    return "/messages"
