"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer that says what is wrong."""
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type="application/problem+json", headers=headers)


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What is asked for where nothing is, or with another method than there is."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        methods = ", ".join(sorted(error.allowed_methods))
        return problem(error.status, error.reason, f"This path takes {methods}", {hdrs.ALLOW: methods})
    except web.HTTPNotFound as error:
        return problem(error.status, error.reason, "There is nothing at this address")
