"""The composition root: what the gateway is made of."""

import asyncio

from aiohttp import web

from livestream.history import History
from livestream.readmodel import ReadModel
from livestream.service import add_health_routes, run_in_background
from livestream.serving import ServingCopy
from livestream.stores import connect_stores
from livestream_gateway.attendance import Attendance
from livestream_gateway.drain import Drain
from livestream_gateway.fan_out import FanOut
from livestream_gateway.follower import Follower
from livestream_gateway.garbage import collect_rarely
from livestream_gateway.hub import Hub
from livestream_gateway.pace import Pace
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
    # The health check takes one connection besides.
    stores = connect_stores(app, settings.database_url, settings.redis_url, READS_AT_ONCE + 1)
    serving, news = ServingCopy(stores.redis), asyncio.Event()
    follower = Follower(serving, settings.replay_bytes, news.set)
    views = Views(ReadModel(serving, History(stores.postgres)), follower, news.set)
    hub = Hub(follower, views, FanOut(settings.client_buffer_bytes), news, Pace(settings.tick_ms))
    drain = app[DRAIN] = Drain(hub, settings.drain_seconds)

    async def check_draining() -> None:
        if drain.begun:
            raise DrainingError("this gateway is about to stop")

    add_health_routes(app, {**stores.checks, "serving": check_draining})
    run_in_background(app, "follower", follower.run)
    run_in_background(app, "hub", hub.run)
    run_in_background(app, "garbage", collect_rarely)
    run_in_background(app, "presence", Presence(hub).run)
    StreamRoutes(hub, Attendance(hub, follower), drain, settings.web_origins).add_to(app)
    return app
