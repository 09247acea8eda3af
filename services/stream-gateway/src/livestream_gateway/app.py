"""The composition root: what the gateway is made of."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from livestream.clients import postgres_answers, postgres_pool, redis_client
from livestream.history import History
from livestream.readmodel import ReadModel
from livestream.service import add_health_routes, run_in_background
from livestream.serving import ServingCopy
from livestream_gateway.attendance import Attendance
from livestream_gateway.drain import Drain
from livestream_gateway.fan_out import FanOut
from livestream_gateway.follower import Follower
from livestream_gateway.hub import Hub
from livestream_gateway.presence import Presence
from livestream_gateway.problems import answer_problems
from livestream_gateway.routes import StreamRoutes
from livestream_gateway.settings import Settings
from livestream_gateway.views import READS_AT_ONCE, Views

DRAIN: web.AppKey[Drain] = web.AppKey("drain", Drain)


class DrainingError(Exception):
    """The gateway is about to stop."""


def build_app(settings: Settings) -> web.Application:
    """An application that serves streams; it needs the loop that will run it."""
    app = web.Application(middlewares=[answer_problems])
    redis = redis_client(settings.redis_url)
    # The health check takes one connection besides.
    pool = postgres_pool(settings.database_url, READS_AT_ONCE + 1)
    serving, news = ServingCopy(redis), asyncio.Event()
    follower = Follower(serving, settings.replay_bytes, news.set)
    views = Views(ReadModel(serving, History(pool)), follower, news.set)
    hub = Hub(follower, views, FanOut(settings.client_buffer_bytes), news)
    drain = app[DRAIN] = Drain(hub, settings.drain_seconds)

    async def check_redis() -> None:
        await redis.ping()

    async def check_postgres() -> None:
        await postgres_answers(pool)

    async def check_draining() -> None:
        if drain.begun:
            raise DrainingError("this gateway is about to stop")

    async def clients(_: web.Application) -> AsyncIterator[None]:
        async with pool:
            yield
        await redis.aclose()

    app.cleanup_ctx.append(clients)
    add_health_routes(app, {"redis": check_redis, "postgres": check_postgres, "serving": check_draining})
    run_in_background(app, "follower", follower.run)
    run_in_background(app, "hub", hub.run)
    run_in_background(app, "presence", Presence(hub).run)
    StreamRoutes(hub, Attendance(hub, follower), drain, settings.web_origins).add_to(app)
    return app
