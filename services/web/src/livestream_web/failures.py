"""Everything that goes wrong ends here: as a page for people, as problem+json for programs."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web

from livestream.logs import get_logger
from livestream.retries import describe
from livestream_web.problems import problem
from livestream_web.queries import BadParameterError
from livestream_web.reads import ReadUnavailableError, Reason
from livestream_web.rendering import RENDERER
from livestream_web.requests_seen import route_of
from livestream_web.stream_address import BadHostError

# About as long as loading the serving copy takes.
RETRY_AFTER_SECONDS: Final = 5

_PROGRAM_PATHS: Final = ("/api/", "/openapi.json")
_log = get_logger(__name__)


class UnknownNameError(Exception):
    """The API was asked for a channel or user that is not there; the message says so in a sentence."""


class Failure(msgspec.Struct, frozen=True):
    """`passes`: whether it is worth asking again, which the page then does by itself.

    `instance`: what a fault of ours goes by, in the answer and in the log.
    """

    status: HTTPStatus
    heading: str
    detail: str
    field: str | None = None
    passes: bool = False
    allow: str | None = None
    instance: str | None = None


_UNAVAILABLE: Final = {
    Reason.REBUILDING: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Rebuilding",
        "The data is being loaded, which normally takes some seconds. This page shows it as soon as it is there.",
        passes=True,
    ),
    Reason.UNREACHABLE: Failure(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Not reachable",
        "The servers that hold the data cannot be reached just now. This page tries again by itself.",
        passes=True,
    ),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def answer_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ReadUnavailableError as error:
        return _answer(request, _UNAVAILABLE[error.reason])
    except BadParameterError as error:
        return _answer(request, Failure(HTTPStatus.BAD_REQUEST, "Bad request", str(error), error.parameter))
    except UnknownNameError as error:
        return _answer(request, Failure(HTTPStatus.NOT_FOUND, "Not found", str(error)))
    except web.HTTPError as error:
        return _answer(request, _of_http_error(error))
    except BadHostError as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the viewer gets an answer and the log the reason
        instance = uuid4().urn
        _log.exception("request_failed", route=route_of(request), instance=instance, error=describe(error))
        detail = f"Something went wrong on our side. It has been noted, as {instance.removeprefix('urn:uuid:')}."
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return _answer(request, Failure(status, "Something went wrong", detail, instance=instance))


def _of_http_error(error: web.HTTPError) -> Failure:
    status = HTTPStatus(error.status)
    if status is HTTPStatus.NOT_FOUND:
        return Failure(status, "Not found", "There is nothing at this address.")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Failure(status, "Not allowed", f"{error.method} cannot be used here, but {allowed} can.", allow=allowed)
    return Failure(status, status.phrase, error.text or status.phrase)


def _answer(request: web.Request, failure: Failure) -> web.Response:
    headers = {}
    if failure.passes:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if failure.allow:
        headers["Allow"] = failure.allow
    if request.path.startswith(_PROGRAM_PATHS):
        return problem(failure.status, failure.detail, failure.field, headers, failure.instance)
    context = {"failure": failure, "retry_after_s": RETRY_AFTER_SECONDS}
    try:
        page = request.app[RENDERER].page(request, "failure.html", context, failure.status)
    except BadHostError as error:
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    page.headers.update(headers)
    return page
