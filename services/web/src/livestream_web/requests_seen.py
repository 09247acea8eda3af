"""Metrics of requests, by route rather than by path: a path has a name in it, and names are without number."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import Counter, Histogram

REQUESTS = Counter("livestream_web_requests_total", "Requests answered, by route and status", ["route", "status"])
REQUEST_SECONDS = Histogram(
    "livestream_web_request_seconds",
    "Time to answer a request, by route",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


@web.middleware
async def count_requests(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    route = route_of(request)
    started = time.perf_counter()
    response = await handler(request)
    REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)
    REQUESTS.labels(route, str(response.status)).inc()
    return response


def route_of(request: web.Request) -> str:
    """The pattern of its path."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
