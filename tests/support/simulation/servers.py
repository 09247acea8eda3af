"""How processes reach servers: calls that take time, may be refused, and may seem to fail though they were done."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.support.simulation.world import Process, World

# A client gives up after this long where a server hangs, in seconds: short, so that much happens within one history.
_HANGS_SECONDS: Final = 2.0

_SLOWEST_SECONDS: Final = 3.0

# Takes a value, or an exception to be raised where the answer arrives.
Reply = Callable[[Any], None]


class Failures(NamedTuple):
    """What a client raises. `refused`: nothing was done. `lost`: it may have been done. `hung`: nobody knows."""

    refused: Callable[[], Exception]
    lost: Callable[[], Exception]
    hung: Callable[[], Exception]


class Server:
    """`trouble`: the share of calls that fail, one way or another. While it is down, all are refused or lost."""

    def __init__(self, world: World, name: str, failures: Failures) -> None:
        self.world = world
        self.name = name
        self.failures = failures
        self.trouble = 0.0
        self.is_up = True
        self.slowness = 1.0
        self._lives = 0

    def go_down(self, seconds: float) -> None:
        if self.is_up:
            self.world.note(self.name, f"down for {seconds:.2f} s")
            self.is_up = False
            self._lives += 1
            self.ended()
            self.world.after(seconds, self._come_up)

    def ended(self) -> None:
        """What goes with the server's process."""

    def _come_up(self) -> None:
        self.world.note(self.name, "up")
        self.is_up = True

    def call(self, process: Process, work: Callable[[Reply], None]) -> "asyncio.Future[Any]":
        """Have the server do some work for a process. Whatever becomes of the process then, the server gets it."""
        future: asyncio.Future[Any] = process.loop.create_future()
        if not process.is_alive:
            future.cancel()
            return future
        world, lives, draw = self.world, self._lives, self.world.random.random
        trouble = draw() < self.trouble if self.trouble else False
        is_refused, is_lost = trouble and draw() < 0.4, trouble and draw() < 0.7

        def settle(result: Any) -> None:
            if not process.is_alive or future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        def reply(result: Any) -> None:
            if lives != self._lives or is_lost:
                result = self.failures.lost()
            elif trouble:
                world.after(_HANGS_SECONDS, lambda: settle(self.failures.hung()))
                return
            world.after(self._latency(), lambda: settle(result))

        def arrive() -> None:
            if not self.is_up or lives != self._lives or is_refused:
                world.after(self._latency(), lambda: settle(self.failures.refused()))
            else:
                work(reply)

        world.after(self._latency(), arrive)
        process.has_called()
        return future

    def _latency(self) -> float:
        """Seconds: mostly a millisecond, now and then much longer, so that anything can overtake anything."""
        draw = self.world.random.random
        kind = draw()
        usual = 0.0002 + 0.002 * draw() if kind < 0.9 else (0.05 if kind < 0.985 else 1.0) * draw()
        return min(usual * self.slowness, _SLOWEST_SECONDS)
