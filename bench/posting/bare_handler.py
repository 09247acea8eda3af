"""A service that does nothing but read a body and answer 202 with an id: the limit of what aiohttp can do."""

import os
from typing import Any, Final, cast

from aiohttp import web

from livestream.service import new_event_loop

_ANSWER: Final = b'{"accepted":1,"ids":["019ab5a4-1c9b-7d2e-8f3a-2b6c1d0e9f87"]}'


async def accept(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=_ANSWER, content_type="application/json")


async def ready(_: web.Request) -> web.Response:
    return web.Response()


def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/messages", accept)
    app.router.add_get("/readyz", ready)
    web.run_app(
        app,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        loop=new_event_loop(),
        print=cast("Any", None),
        access_log=None,
        handler_cancellation=True,
    )


if __name__ == "__main__":
    main()
