"""The JSON API (contract, section 5; described in openapi.json). Rows are the same as in the streams' frames."""

from typing import NoReturn

import msgspec
from aiohttp import web

from livestream.frames import NameJson, name_json, totals_json
from livestream.serving import NameKind
from livestream_web.activity import ActivityChart
from livestream_web.failures import UnknownNameError
from livestream_web.paging import write_token
from livestream_web.paths import API_ID_SEGMENT, API_NAME_SEGMENT, id_in_path, name_in_path
from livestream_web.problems import json_answer
from livestream_web.queries import after_of, below_of, filter_of, limit_of, search_of, sort_of
from livestream_web.reads import READS, MessageList


class _Page(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] | list[NameJson]
    next: str | None
    cursor: str


class _Item(msgspec.Struct, frozen=True):
    item: NameJson | msgspec.Raw
    cursor: str


async def summary(request: web.Request) -> web.Response:
    stand = await request.app[READS].stand()
    return json_answer({"cursor": str(stand.cursor), "totals": totals_json(stand.totals)})


async def activity(request: web.Request) -> web.Response:
    lately = await request.app[READS].activity()
    return json_answer(ActivityChart.at(lately, lately.messages, lately.now_ms).json)


async def messages(request: web.Request) -> web.Response:
    limit, below, wanted = limit_of(request), below_of(request), filter_of(request)
    reads = request.app[READS]
    stand = await reads.stand()
    return _messages_answer(await reads.messages(stand, wanted, limit, below))


async def channels(request: web.Request) -> web.Response:
    return await _names(request, "channels")


async def users(request: web.Request) -> web.Response:
    return await _names(request, "users")


async def channel(request: web.Request) -> web.Response:
    return await _name(request, "channels")


async def user(request: web.Request) -> web.Response:
    return await _name(request, "users")


async def channel_messages(request: web.Request) -> web.Response:
    return await _messages_of(request, "channels")


async def channel_message(request: web.Request) -> web.Response:
    channel, reads = _requested_name(request), request.app[READS]
    try:
        id_ = id_in_path(request, API_ID_SEGMENT)
    except ValueError as error:
        raise UnknownNameError(f"No message has this id: it {error}.") from None
    stand = await reads.stand()
    row = await reads.message(stand, channel, id_)
    if row is None:
        raise UnknownNameError("There is no such message, or it is not visible any more.")
    return json_answer(_Item(msgspec.Raw(row.json), str(stand.cursor)))


async def user_messages(request: web.Request) -> web.Response:
    return await _messages_of(request, "users")


async def _names(request: web.Request, kind: NameKind) -> web.Response:
    limit, (_, order), beginning = limit_of(request), sort_of(request), search_of(request)
    reads, after = request.app[READS], after_of(request, order)
    if beginning is None:
        page = await reads.names(kind, order, limit, after)
    else:
        page = await reads.names_beginning(beginning, kind, order, limit, after)
    following = write_token(page.next) if page.next else None
    return json_answer(_Page([name_json(row) for row in page.rows], following, str(page.stand.cursor)))


async def _name(request: web.Request, kind: NameKind) -> web.Response:
    name = _requested_name(request)
    stand, row = await request.app[READS].name(kind, name)
    if row is None:
        _refuse_unknown(kind)
    return json_answer(_Item(name_json(row), str(stand.cursor)))


async def _messages_of(request: web.Request, kind: NameKind) -> web.Response:
    name, limit, below, wanted = _requested_name(request), limit_of(request), below_of(request), filter_of(request)
    reads = request.app[READS]
    stand, row = await reads.name(kind, name)
    if row is None:
        _refuse_unknown(kind)
    # The path wins over a parameter of the same meaning.
    return _messages_answer(await reads.messages(stand, wanted.narrowed_to(kind, name), limit, below))


def _messages_answer(page: MessageList) -> web.Response:
    following = write_token(page.next) if page.next else None
    return json_answer(_Page([msgspec.Raw(row.json) for row in page.rows], following, str(page.cursor)))


def _requested_name(request: web.Request) -> str:
    try:
        return name_in_path(request, API_NAME_SEGMENT)
    except ValueError as error:
        raise UnknownNameError(f"No channel or user has this name: it {error}.") from None


def _refuse_unknown(kind: NameKind) -> NoReturn:
    raise UnknownNameError(f"There is no such {kind.removesuffix('s')}, or none of its messages is visible.")
