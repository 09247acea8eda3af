"""The home page and the lists of names. Each is complete at one cursor; the script goes on from there."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from livestream.frames import LIMITS, View, ViewKind
from livestream.serving import NameKind
from livestream_web.activity import ActivityChart
from livestream_web.page_models import (
    Live,
    listed_names,
    live_messages,
    live_names,
)
from livestream_web.queries import SORTS, after_of, sort_of
from livestream_web.reads import READS
from livestream_web.rendering import RENDERER
from livestream_web.search_form import SearchForm, without_empty_fields

# Of what is looked for, one knows at a glance whether it is there.
FOUND_NAME_ROWS: Final = 100
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


async def channels(request: web.Request) -> web.Response:
    return await _names(request, "channels", View(ViewKind.CHANNELS))


async def users(request: web.Request) -> web.Response:
    return await _names(request, "users", View(ViewKind.USERS))


async def _names(request: web.Request, kind: NameKind, view: View) -> web.Response:
    tidy = without_empty_fields(request)
    if tidy is not None:
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": tidy})
    reads, (sort, order), form = request.app[READS], sort_of(request), SearchForm.of(request, "q")
    after, beginning = after_of(request, order), form.filters.get("q", "")
    if beginning:
        page = await reads.names_beginning(beginning, kind, order, FOUND_NAME_ROWS, after)
        totals, cursor = page.stand.totals, page.stand.cursor
        block = listed_names(kind, sort, page.rows, FOUND_NAME_ROWS, after, page.next, beginning)
    elif after is None and sort == next(iter(SORTS)):
        read = await reads.window(view)
        totals, cursor = read.window.totals, read.cursor
        rows = list(read.window.channels if kind == "channels" else read.window.users)
        count = totals.channels if kind == "channels" else totals.users
        block = live_names(kind, rows, _NAME_ROWS, has_more=count > len(rows))
    else:
        page = await reads.names(kind, order, _NAME_ROWS, after)
        totals, cursor = page.stand.totals, page.stand.cursor
        block = listed_names(kind, sort, page.rows, _NAME_ROWS, after, page.next)
    context = {"live": Live(view, str(cursor)), "totals": totals, "names": block, "form": form}
    return request.app[RENDERER].page(request, "names.html", context, form.status)
