"""The streams over HTTP: addresses, headers, and the response that does not end."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from aiohttp import hdrs, web

from livestream.frames import View
from livestream.logs import get_logger
from livestream.queries import parameter_values
from livestream_gateway import metrics
from livestream_gateway.addresses import BadAddressError, UnknownViewError, view_of_path, views_of_query
from livestream_gateway.attendance import Attendance
from livestream_gateway.connection import Connection
from livestream_gateway.drain import Drain
from livestream_gateway.hub import Hub
from livestream_gateway.origins import Origins
from livestream_gateway.problems import problem
from livestream_gateway.resume import read_claim, said
from livestream_gateway.stream import Stream
from livestream_gateway.wire import GZIP_HEADER, Form, Piece

_PREFIX: Final = "/v1/streams/"
# For what still waits for a client when its stream ends: a gateway that stops has no more time for it.
_LAST_WORDS_SECONDS: Final = 1.0
_PREFLIGHT_SECONDS: Final = 24 * 3600

_log = get_logger(__name__)


class StreamRoutes:
    """`GET /v1/streams?view=…` and `GET /v1/streams/<view>`."""

    def __init__(self, hub: Hub, attendance: Attendance, drain: Drain, origins: Origins) -> None:
        self._hub = hub
        self._attendance = attendance
        self._drain = drain
        self._origins = origins

    def add_to(self, app: web.Application) -> None:
        for path, read_views in (("/v1/streams", _queried), (_PREFIX + "{view:(?s:.*)}", _in_path)):
            app.router.add_get(path, self._handler(read_views))
            app.router.add_route(hdrs.METH_OPTIONS, path, self._preflight)

    def _handler(
        self, read_views: Callable[[web.Request], Sequence[View]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            headers = self._cors(request)
            try:
                views = read_views(request)
            except UnknownViewError as error:
                return problem(404, "No such view", f"There is no view {str(error)!r}", headers)
            except BadAddressError as error:
                return problem(400, "Bad request", str(error), headers)
            return await self._stream(request, views, headers)

        return handle

    async def _stream(self, request: web.Request, views: Sequence[View], headers: dict[str, str]) -> web.StreamResponse:
        form = Form(gzip=_accepts_gzip(request), chunked=request.version >= (1, 1))
        response = web.StreamResponse(headers=headers)
        response.content_type = "text/event-stream"
        response.headers[hdrs.CACHE_CONTROL] = "no-store, no-transform"
        response.headers["X-Accel-Buffering"] = "no"
        response.headers.add(hdrs.VARY, hdrs.ACCEPT_ENCODING)
        if form.gzip:
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        if request.method == hdrs.METH_HEAD:
            return response
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            return response
        connection = Connection(transport, form)
        if form.gzip:
            connection.write_raw(GZIP_HEADER)
        # Not a refusal where this gateway is about to stop: a browser's EventSource would never ask again.
        if self._drain.begun or await self._serve(request, connection, views):
            await self._say_when_to_return(response, connection)
        else:
            connection.abort()
        # The next request of this client is another gateway's.
        response.force_close()
        return response

    async def _serve(self, request: web.Request, connection: Connection, views: Sequence[View]) -> bool:
        """Until this gateway stops. Returns whether the client is one that takes what it is sent."""
        watched = [self._hub.views.watch(view) for view in views]
        claim = read_claim(request.headers.get("Last-Event-ID"), request.query.get("cursor"))
        stream = Stream(connection, watched, claim)
        gauge = metrics.OPEN_STREAMS.labels(stream.kind, "gzip" if connection.form.gzip else "identity")
        gauge.inc()
        opened = time.monotonic()
        _log.debug("stream_opened", stream=stream.number, watches=stream.kind, held=said(claim))
        try:
            with suppress(TimeoutError):
                async with stream.scope:
                    await self._attendance.attend(stream)
        finally:
            gauge.dec()
            stream.gone.set()
            for each in watched:
                self._hub.views.unwatch(each)
            seconds = round(time.monotonic() - opened, 3)
            _log.debug("stream_closed", stream=stream.number, seconds=seconds, held=said(stream.claim))
        return not stream.is_slow

    async def _say_when_to_return(self, response: web.StreamResponse, connection: Connection) -> None:
        """And end the response. Who does not read that in time is cut, and comes back as from any cut."""
        connection.write(_retry(self._drain.retry_ms()))
        with suppress(ConnectionError):
            try:
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await response.write_eof()
            except TimeoutError:
                metrics.CUT.labels("unread").inc()
                connection.abort()

    async def _preflight(self, request: web.Request) -> web.Response:
        headers = self._cors(request)
        if hdrs.ACCESS_CONTROL_ALLOW_ORIGIN in headers:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET"
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "Last-Event-ID, Cache-Control"
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(_PREFLIGHT_SECONDS)
        return web.Response(status=204, headers=headers)

    def _cors(self, request: web.Request) -> dict[str, str]:
        """Answers differ by origin, also where there is none: caches have to know."""
        headers: dict[str, str] = {hdrs.VARY: hdrs.ORIGIN}
        origin = request.headers.get(hdrs.ORIGIN)
        if origin and self._origins.allow(origin, request.headers.get(hdrs.HOST, "")):
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        return headers


def _queried(request: web.Request) -> Sequence[View]:
    try:
        names = parameter_values(request.rel_url.raw_query_string, "view")
    except ValueError as error:
        raise BadAddressError(f"`view` {error}") from None
    return views_of_query(names)


def _in_path(request: web.Request) -> Sequence[View]:
    return [view_of_path(request.rel_url.raw_path.removeprefix(_PREFIX))]


def _accepts_gzip(request: web.Request) -> bool:
    """RFC 9110, section 12.5.3: a coding is refused by a weight of zero."""
    for item in request.headers.get(hdrs.ACCEPT_ENCODING, "").split(","):
        coding, _, parameters = item.partition(";")
        if coding.strip().lower() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0{0,3})?\s*", parameters, re.IGNORECASE)
    return False


def _retry(milliseconds: int) -> Piece:
    return Piece(f"retry: {milliseconds}\n\n".encode())
