"""The six pages. Each is complete at one cursor; the script goes on from there."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from livestream.deltas import NameRow
from livestream.frames import LIMITS, View, ViewKind
from livestream.history import HistoryFilter
from livestream_web.activity import ActivityChart
from livestream_web.page_models import (
    HISTORY_ROWS,
    Live,
    listed_names,
    live_messages,
    live_names,
    past_messages,
)
from livestream_web.paths import PAGE_NAME_SEGMENT, name_in_path, quote_name
from livestream_web.queries import SORTS, after_of, below_of, sort_of
from livestream_web.reads import READS, NameKind
from livestream_web.rendering import RENDERER

_NAME_ROWS: Final = LIMITS[ViewKind.USERS].users


async def home(request: web.Request) -> web.Response:
    view, reads = View(ViewKind.HOME), request.app[READS]
    lately = await reads.activity()
    read = await reads.window(view)
    window, totals = read.window, read.window.totals
    top = view.limits.channels
    context = {
        "live": Live(view, str(read.cursor)),
        "totals": totals,
        "activity": ActivityChart.at(lately, totals.messages, read.as_of_ms),
        "messages": live_messages("/messages", "/api/v1/messages", view, list(window.messages), has_older=False),
        "channels": live_names("channels", list(window.channels), top, has_more=totals.channels > top, sortable=False),
        "users": live_names("users", list(window.users), top, has_more=totals.users > top, sortable=False),
    }
    return request.app[RENDERER].page(request, "home.html", context)


async def messages(request: web.Request) -> web.Response:
    reads, view, below = request.app[READS], View(ViewKind.MESSAGES), below_of(request)
    if below is None:
        read = await reads.window(view)
        totals, cursor, rows = read.window.totals, read.cursor, list(read.window.messages)
        block = live_messages("/messages", "/api/v1/messages", view, rows, has_older=totals.messages > len(rows))
    else:
        stand = await reads.stand()
        page = await reads.messages(stand, HistoryFilter(), HISTORY_ROWS, below)
        totals, cursor = stand.totals, page.cursor
        block = past_messages("/messages", "/api/v1/messages", page.rows, below, page.next)
    context = {"live": Live(view, str(cursor)), "totals": totals, "messages": block, "newest": "/messages"}
    return request.app[RENDERER].page(request, "messages.html", context)


async def channels(request: web.Request) -> web.Response:
    return await _names(request, "channels", View(ViewKind.CHANNELS))


async def users(request: web.Request) -> web.Response:
    return await _names(request, "users", View(ViewKind.USERS))


async def channel(request: web.Request) -> web.Response:
    return await _name(request, "channels", ViewKind.CHANNEL)


async def user(request: web.Request) -> web.Response:
    return await _name(request, "users", ViewKind.USER)


async def _names(request: web.Request, kind: NameKind, view: View) -> web.Response:
    reads, (sort, order) = request.app[READS], sort_of(request)
    after = after_of(request, order)
    if after is None and sort == next(iter(SORTS)):
        read = await reads.window(view)
        totals, cursor = read.window.totals, read.cursor
        rows = list(read.window.channels if kind == "channels" else read.window.users)
        count = totals.channels if kind == "channels" else totals.users
        block = live_names(kind, rows, _NAME_ROWS, has_more=count > len(rows))
    else:
        page = await reads.names(kind, order, _NAME_ROWS, after)
        totals, cursor = page.stand.totals, page.stand.cursor
        block = listed_names(kind, sort, page.rows, _NAME_ROWS, after, page.next)
    context = {"live": Live(view, str(cursor)), "totals": totals, "names": block}
    return request.app[RENDERER].page(request, "names.html", context)


async def _name(request: web.Request, kind: NameKind, view_kind: ViewKind) -> web.Response:
    try:
        name = name_in_path(request, PAGE_NAME_SEGMENT)
    except ValueError:
        raise web.HTTPNotFound from None
    reads, view, below = request.app[READS], View(view_kind, name), below_of(request)
    path, api = f"/{kind}/{quote_name(name)}", f"/api/v1/{kind}/{quote_name(name)}/messages"
    if below is None:
        read = await reads.window(view)
        cursor, rows = read.cursor, list(read.window.messages)
        row = next(iter(read.window.channels if kind == "channels" else read.window.users), None)
        block = live_messages(path, api, view, rows, has_older=row is not None and row.messages > len(rows))
    else:
        stand, row = await reads.name(kind, name)
        wanted = HistoryFilter(channel=name) if kind == "channels" else HistoryFilter(user=name)
        page = await reads.messages(stand, wanted, HISTORY_ROWS, below)
        cursor = page.cursor
        block = past_messages(path, api, page.rows, below, page.next)
    context = {
        "live": Live(view, str(cursor)),
        "kind": kind,
        "row": row or NameRow(name, "", 0, 0),
        "messages": block,
        "newest": path,
    }
    return request.app[RENDERER].page(request, "name.html", context, HTTPStatus.OK if row else HTTPStatus.NOT_FOUND)
