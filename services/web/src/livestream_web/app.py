"""The composition root: settings in, an application out."""

from importlib import resources
from typing import Final

from aiohttp import web

from livestream.history import History
from livestream.name_search import NameSearch
from livestream.readmodel import ReadModel
from livestream.service import add_health_routes
from livestream.serving import ServingCopy
from livestream.stores import connect_stores
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
    stores = connect_stores(app, settings.database_url, settings.redis_url, settings.postgres_connections)
    read_model = ReadModel(ServingCopy(stores.redis), History(stores.postgres))
    app[READS] = Reads(read_model, NameSearch(stores.postgres))
    add_health_routes(app, stores.checks)
