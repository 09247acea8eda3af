"""The composition root: settings in, an application out."""

from collections.abc import AsyncIterator
from importlib import resources
from typing import Final

from aiohttp import web

from livestream.clients import postgres_answers, postgres_pool, redis_client
from livestream.history import History
from livestream.name_search import NameSearch
from livestream.readmodel import ReadModel
from livestream.service import add_health_routes
from livestream.serving import ServingCopy
from livestream_web import api, message_pages, pages
from livestream_web.assets import Assets
from livestream_web.failures import answer_failures
from livestream_web.reads import READS, Reads
from livestream_web.rendering import RENDERER, Renderer
from livestream_web.requests_seen import count_requests
from livestream_web.security import add_security_headers, protect_workers
from livestream_web.settings import Settings
from livestream_web.styleguide import styleguide

_NAME: Final = "{name:[^/]+}"
_ID: Final = "{id:[^/]+}"


def build_app(settings: Settings) -> web.Application:
    assets = Assets(served_with=str(settings.stream))
    app = web.Application(middlewares=[count_requests, answer_failures])
    app[RENDERER] = Renderer(assets, settings.stream)
    app.on_response_prepare.extend([add_security_headers, protect_workers(settings.stream)])
    app.add_routes(_routes(assets))
    _connect(app, settings)
    return app


def _routes(assets: Assets) -> list[web.RouteDef]:
    openapi = resources.files("livestream_web").joinpath("openapi.json").read_bytes()

    async def description(_: web.Request) -> web.Response:
        return web.Response(body=openapi, content_type="application/json")

    return [
        web.get("/", pages.home),
        web.get("/messages", message_pages.messages),
        web.get("/channels", pages.channels),
        web.get(f"/channels/{_NAME}", message_pages.channel),
        web.get(f"/channels/{_NAME}/messages/{_ID}", message_pages.permalink),
        web.get("/users", pages.users),
        web.get(f"/users/{_NAME}", message_pages.user),
        web.get("/api/v1/summary", api.summary),
        web.get("/api/v1/activity", api.activity),
        web.get("/api/v1/messages", api.messages),
        web.get("/api/v1/channels", api.channels),
        web.get(f"/api/v1/channels/{_NAME}", api.channel),
        web.get(f"/api/v1/channels/{_NAME}/messages", api.channel_messages),
        web.get(f"/api/v1/channels/{_NAME}/messages/{_ID}", api.channel_message),
        web.get("/api/v1/users", api.users),
        web.get(f"/api/v1/users/{_NAME}", api.user),
        web.get(f"/api/v1/users/{_NAME}/messages", api.user_messages),
        web.get("/styleguide", styleguide),
        web.get("/openapi.json", description),
        web.get("/static/{hash}/{file}", assets.serve),
    ]


def _connect(app: web.Application, settings: Settings) -> None:
    """The clients live as long as the server; none of them connects before it is used."""
    redis = redis_client(settings.redis_url)
    pool = postgres_pool(settings.database_url, settings.postgres_connections)
    app[READS] = Reads(ReadModel(ServingCopy(redis), History(pool)), NameSearch(pool))

    async def clients(_: web.Application) -> AsyncIterator[None]:
        async with pool:
            yield
        await redis.aclose()

    async def check_redis() -> None:
        await redis.ping()

    async def check_postgres() -> None:
        await postgres_answers(pool)

    app.cleanup_ctx.append(clients)
    add_health_routes(app, {"redis": check_redis, "postgres": check_postgres})
