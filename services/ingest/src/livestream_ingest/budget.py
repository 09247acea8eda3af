"""A number of bytes that may be held at a time, shared by all requests."""

import asyncio
from collections import deque

from livestream_ingest.metrics import IN_FLIGHT_BYTES


class ByteBudget:
    """Hands out bytes in the order in which they were asked for, so that a large request is not starved by small ones.

    `what` names it in the metric `livestream_ingest_in_flight_bytes`.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        IN_FLIGHT_BYTES.labels(what).set_function(lambda: self._taken)

    async def take(self, size: int) -> None:
        """Wait until `size` bytes are free. What is larger than the limit waits until it is alone."""
        if self.take_now(size):
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._grant()
            else:
                self.give_back(size)
            raise

    def take_now(self, size: int) -> bool:
        """Take `size` bytes if they are free and nobody waits."""
        if self._waiting or not self._fits(size):
            return False
        self._taken += size
        return True

    def give_back(self, size: int) -> None:
        self._taken -= size
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            size, granted = self._waiting[0]
            if not granted.cancelled():
                if not self._fits(size):
                    return
                self._taken += size
                granted.set_result(None)
            self._waiting.popleft()

    def _fits(self, size: int) -> bool:
        return self._taken + size <= self._limit or self._taken == 0
