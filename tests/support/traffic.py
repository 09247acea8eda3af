"""Upstreams that post through ingest whatever breaks: what was not acknowledged is sent again, with the same ids."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from tests.support.ingest import IngestClient, ingest_client
from tests.support.waiting import wait_until_async

CHANNELS = 8
USERS = 12
RETRY_S = 0.15


class Pace(NamedTuple):
    """Each upstream posts a batch, and the next one so much later or as soon as it is acknowledged."""

    upstreams: int
    batch: int
    interval_s: float


# Some hundreds of messages a second: what two cores fold beside everything that a fault makes them do again.
SOME_HUNDREDS = Pace(4, 15, 0.16)


class Traffic:
    """`acknowledged`: (channel, id) of what ingest said is on the log. `statuses` counts its answers."""

    def __init__(self, client: IngestClient, prefix: str, pace: Pace) -> None:
        self.acknowledged: set[tuple[str, str]] = set()
        self.statuses: Counter[int] = Counter()
        self._client = client
        self._prefix = prefix
        self._pace = pace
        self._tasks: list[asyncio.Task[None]] = []
        self._enough = asyncio.Event()

    def channel(self, number: int) -> str:
        return f"{self._prefix}-{number % CHANNELS}"

    def user(self, number: int) -> str:
        return f"{self._prefix}-user-{number % USERS}"

    async def more(self, count: int, timeout_s: float = 60) -> None:
        """Until that many more were acknowledged."""
        wanted = len(self.acknowledged) + count

        async def acknowledged() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return len(self.acknowledged) >= wanted

        await wait_until_async(acknowledged, timeout_s, f"{count} more acknowledgements")

    async def post(self, upstream: int) -> None:
        """Batch after batch, until there is enough; each is sent until all of it is acknowledged."""
        number, due = 0, time.monotonic()
        while not self._enough.is_set():
            rest = [self._message(upstream, number + n) for n in range(self._pace.batch)]
            number += self._pace.batch
            while rest:
                rest = rest[await self._send(rest) :]
            due += self._pace.interval_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _send(self, messages: list[dict[str, Any]]) -> int:
        """How many of the first are acknowledged."""
        try:
            answer = await self._client.post_lines(*messages)
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(RETRY_S)
            return 0
        self.statuses[answer.status] += 1
        assert answer.status in (202, 503), answer
        accepted: int = answer.body["accepted"]
        self.acknowledged |= {(message["channel"], message["id"]) for message in messages[:accepted]}
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) > 0
            await asyncio.sleep(RETRY_S)
        else:
            assert accepted == len(messages)
        return accepted

    def _message(self, upstream: int, number: int) -> dict[str, Any]:
        return {
            "channel": self.channel(number),
            "user": self.user(number // 3),
            "text": f"{upstream}: {number}",
            "id": f"{self._prefix}-{upstream}-{number}",
        }

    def _start(self) -> None:
        self._tasks = [asyncio.create_task(self.post(upstream)) for upstream in range(self._pace.upstreams)]

    async def _finish(self) -> None:
        self._enough.set()
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def traffic(ingest_url: str, prefix: str, pace: Pace = SOME_HUNDREDS) -> AsyncIterator[Traffic]:
    """Posts meanwhile; at the end everything that was begun is acknowledged."""
    async with ingest_client(ingest_url) as client:
        posting = Traffic(client, prefix, pace)
        posting._start()
        try:
            yield posting
            await posting._finish()
        finally:
            for task in posting._tasks:
                task.cancel()
            await asyncio.gather(*posting._tasks, return_exceptions=True)
