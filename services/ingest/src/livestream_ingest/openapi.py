"""`GET /openapi.json`."""

from importlib import resources
from typing import Final

from aiohttp import web

DOCUMENT: Final = (resources.files(__package__) / "openapi.json").read_bytes()


async def serve_openapi(_: web.Request) -> web.Response:
    return web.Response(body=DOCUMENT, content_type="application/json")
