"""Whoever changes rows beside the fold does so while no batch is written."""

import asyncio
from types import TracebackType


class BetweenBatches:
    """Taken by the fold for each batch, and by others, as `async with`, for what they change.

    `interludes` counts how often others were let in: rows that were read before the last time may have changed.
    """

    def __init__(self) -> None:
        self.batch = asyncio.Lock()
        self.interludes = 0

    async def __aenter__(self) -> None:
        await self.batch.acquire()
        self.interludes += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.batch.release()
