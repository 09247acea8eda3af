"""A service of no use but to be started, watched and ended: `python -m tests.support.stand_in`.

It serves /readyz, and POST /exit/STATUS makes it end. With STAND_IN_REFUSES set, it ends at once, saying why; with
STAND_IN_AWAITS it never gets ready, and says what it waits for.
"""

import os
import sys

from aiohttp import web


async def readyz(_request: web.Request) -> web.Response:
    if awaited := os.environ.get("STAND_IN_AWAITS"):
        sys.stdout.write(f"waiting for {awaited}\n")
        sys.stdout.flush()
        return web.Response(status=503)
    return web.Response(text="ready")


async def end(request: web.Request) -> web.Response:
    os._exit(int(request.match_info["status"]))


def main() -> None:
    if reason := os.environ.get("STAND_IN_REFUSES"):
        sys.exit(reason)
    application = web.Application()
    application.add_routes([web.get("/readyz", readyz), web.post("/exit/{status}", end)])
    web.run_app(application, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=print)


if __name__ == "__main__":
    main()
