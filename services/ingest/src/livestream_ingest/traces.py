"""A span for each request that puts something on the log."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from livestream.tracing import request_span

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FAILED = 500


@web.middleware
async def trace_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Only for an application that is traced. What only looks (health, metrics) is left out."""
    resource = request.match_info.route.resource
    if resource is None or request.method == "GET":
        return await handler(request)
    with request_span(f"{request.method} {resource.canonical}", request.headers):
        response = await handler(request)
        span = trace.get_current_span()
        span.set_attributes(
            {
                "http.request.method": request.method,
                "http.route": resource.canonical,
                "http.response.status_code": response.status,
            }
        )
        if response.status >= _FAILED:
            span.set_status(StatusCode.ERROR)
        return response
