"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping

import msgspec
from aiohttp import web


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says what is wrong."""
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)
