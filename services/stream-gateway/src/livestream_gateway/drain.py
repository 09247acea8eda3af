"""Ending well: streams end one after the other, and are told to come back spread out as well."""

import asyncio
import random
import signal
from contextlib import suppress
from typing import Final, NoReturn

from aiohttp import web

from livestream.logs import get_logger
from livestream_gateway.hub import Hub

# Time for a load balancer to hear from /readyz, and for another replica to be there.
_SHORTEST_RETRY_MS: Final = 500

_log = get_logger(__name__)


class Drain:
    """Takes `seconds` at most, and no time where nobody is connected."""

    def __init__(self, hub: Hub, seconds: float) -> None:
        self.begun = False
        self._hub = hub
        self._seconds = seconds

    async def run(self) -> None:
        """Tell whoever comes to come later, and return when all streams have ended."""
        self.begun = True
        streams = list(self._hub.streams)
        _log.info("draining", streams=len(streams), seconds=self._seconds)
        loop = asyncio.get_running_loop()
        for stream in streams:
            loop.call_later(random.uniform(0, self._seconds), stream.end)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds + 1):
                for stream in streams:
                    await stream.gone.wait()

    def retry_ms(self) -> int:
        """When a client should come back: over the same span again, so that nobody is met by all at once."""
        return _SHORTEST_RETRY_MS + round(random.uniform(0, self._seconds * 1000))


def drain_on_signals(app: web.Application, drain: Drain) -> None:
    """Drain on the first SIGTERM or SIGINT before the server stops; a second one stops it at once."""

    async def take_over(_: web.Application) -> None:
        # At start aiohttp has set its own handlers, which stop the server at once, just before this runs.
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()

        def on_signal() -> None:
            if drain.begun:
                _stop()
            task = loop.create_task(drain.run(), name="drain")
            tasks.add(task)
            task.add_done_callback(lambda _: loop.call_soon(_stop))

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)

    app.on_startup.append(take_over)


def _stop() -> NoReturn:
    raise web.GracefulExit
