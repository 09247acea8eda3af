"""Ctrl-C as a moment to stop in good order: what is in flight is answered first. A second one ends the process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


class InterruptedTransferError(Exception):
    """Raised where something was waited for when Ctrl-C came."""


class Interruption:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    async def pause(self, seconds: float) -> None:
        """Sleep. Raises InterruptedTransferError."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), max(seconds, 0.0))
        if self._event.is_set():
            raise InterruptedTransferError

    async def wait_for(self, result: Coroutine[Any, Any, T]) -> T:
        """Wait for something that may be dropped. Raises InterruptedTransferError."""
        tasks = asyncio.ensure_future(result), asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._event.is_set():
                raise InterruptedTransferError
            return await tasks[0]
        finally:
            for task in tasks:
                task.cancel()

    def interrupt(self) -> None:
        self._event.set()


@asynccontextmanager
async def interruption() -> AsyncIterator[Interruption]:
    """An interruption by SIGINT or SIGTERM, whichever comes first."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    interruption = Interruption()

    def restore() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    def interrupt() -> None:
        restore()
        interruption.interrupt()

    for number in signals:
        loop.add_signal_handler(number, interrupt)
    try:
        yield interruption
    finally:
        restore()
