"""Posts at a steady rate whatever the answers take: a server that is slow gets no less to do."""

import asyncio
import time
from typing import NamedTuple

import aiohttp
import orjson

_REQUEST_TIMEOUT_SECONDS = 30
_CHANNELS = 40
_USERS = 400


class Posted(NamedTuple):
    """Moments of time.perf_counter: when the request was begun, and when its 202 had been read."""

    begun_at: float
    answered_at: float


class Poster:
    """`posted` has the messages that were accepted; `refused` are requests that were not answered with 202."""

    def __init__(self, ingest_url: str, prefix: str, per_request: int) -> None:
        self._url = f"{ingest_url}/v1/messages"
        self._prefix = prefix
        self._per_request = per_request
        self._count = 0
        self.posted: dict[str, Posted] = {}
        self.refused = 0

    async def post(self, messages_per_second: float, seconds: float) -> None:
        """Returns when all requests are answered."""
        clock = asyncio.get_running_loop().time
        interval_s = self._per_request / messages_per_second
        started = clock()
        timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as tasks:
            for number in range(round(seconds / interval_s)):
                await asyncio.sleep(started + number * interval_s - clock())
                tasks.create_task(self._post(session, self._messages()))

    async def _post(self, session: aiohttp.ClientSession, messages: list[dict[str, str]]) -> None:
        body = orjson.dumps(messages)
        begun_at = time.perf_counter()
        try:
            async with session.post(self._url, data=body, headers={"Content-Type": "application/json"}) as response:
                await response.read()
                answered_at = time.perf_counter()
                accepted = response.status == 202
        except (aiohttp.ClientError, TimeoutError):
            accepted, answered_at = False, 0.0
        self.refused += not accepted
        if accepted:
            self.posted.update((message["id"], Posted(begun_at, answered_at)) for message in messages)

    def _messages(self) -> list[dict[str, str]]:
        first, self._count = self._count, self._count + self._per_request
        return [
            {
                "id": f"{self._prefix}{number}",
                "channel": f"bench-{number % _CHANNELS}",
                "user": f"user-{number * 7 % _USERS}",
                "text": f"Message {number}, as long as people write: seventy characters or thereabouts.",
            }
            for number in range(first, self._count)
        ]
