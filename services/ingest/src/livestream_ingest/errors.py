"""Where every request that goes wrong ends: in a problem document, a metric, and, if it is our fault, a log event."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from aiohttp import web
from prometheus_client import Counter

from livestream.logs import get_logger
from livestream_ingest import answers
from livestream_ingest.answers import ProblemError
from livestream_ingest.metrics import REQUESTS
from livestream_ingest.receipt import LogUnavailableError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Nginx's number for it: the client was gone before there was an answer.
CLIENT_CLOSED_REQUEST: Final = 499
# Clients may invent methods, but not metric series.
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_log = get_logger(__name__)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what a handler raises into an answer, and counts all answers."""
    try:
        response = await _answer(request, handler)
    except asyncio.CancelledError:
        _count(request, CLIENT_CLOSED_REQUEST)
        raise
    _count(request, response.status)
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem.response()
    except LogUnavailableError as error:
        return answers.unavailable(str(error)).response()
    except web.HTTPMethodNotAllowed as error:
        methods = ", ".join(sorted(error.allowed_methods))
        return ProblemError(error.status, f"this path takes {methods}", headers={"Allow": methods}).response()
    except web.HTTPException as error:
        detail = f"there is nothing at {request.path}" if error.status == HTTPStatus.NOT_FOUND else error.reason
        return ProblemError(error.status, detail).response()
    except Exception as error:  # noqa: BLE001 - nothing that happens here may be answered with a bare 500
        instance = uuid4().urn
        _log.error("request_failed", method=_method(request), route=_route(request), instance=instance, exc_info=error)
        detail = "this is a fault of ours; it was logged"
        return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, detail, instance=instance).response()


def _count(request: web.Request, status: int) -> None:
    _counter(_method(request), _route(request), status).inc()


def _route(request: web.Request) -> str:
    """Its pattern: a path has names in it, which neither logs nor metrics hold."""
    resource = request.match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def _method(request: web.Request) -> str:
    return request.method if request.method in METHODS else "other"


@cache  # labels() costs five times as much as what it is asked for
def _counter(method: str, route: str, status: int) -> Counter:
    return REQUESTS.labels(method, route, status)
