"""Answers of the API: JSON, and what went wrong as problem+json (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

# Live data is out of date as soon as it is sent.
NO_STORE = {"Cache-Control": "no-store"}

_encode = msgspec.json.Encoder().encode


class _Problem(msgspec.Struct, frozen=True):
    type: str
    title: str
    status: int
    detail: str
    field: str | msgspec.UnsetType = msgspec.UNSET
    instance: str | msgspec.UnsetType = msgspec.UNSET


def json_answer(body: Any) -> web.Response:
    """A struct, a mapping or a list as JSON, compressed where the client takes it."""
    return _answer(_encode(body), HTTPStatus.OK, "application/json", {})


def problem(
    status: HTTPStatus,
    detail: str,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    instance: str | None = None,
) -> web.Response:
    """`field`: the parameter that is wrong, where it is one. `instance`: what a fault of ours goes by in the log."""
    body = _Problem(
        "about:blank", status.phrase, status.value, detail, field or msgspec.UNSET, instance or msgspec.UNSET
    )
    return _answer(_encode(body), status, "application/problem+json", headers or {})


def _answer(body: bytes, status: HTTPStatus, content_type: str, headers: Mapping[str, str]) -> web.Response:
    answer = web.Response(
        body=body, status=status, content_type=content_type, headers={**NO_STORE, "Vary": "Accept-Encoding", **headers}
    )
    answer.enable_compression()
    return answer
