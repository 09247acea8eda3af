"""The gateway as it is run, behind a Valkey that real deltas are published to. Views of lists need no Postgres."""

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from bench.streams.contestant import Server, get_request
from bench.streams.marked_chat import PARTITIONS, MarkedChat
from bench.streams.process import running
from bench.streams.watchers import Address
from livestream.clients import redis_client
from livestream.cursor import Cursor, new_epoch
from livestream.deltas import MessageRow, encode_batch
from livestream.serving import ProgressReport, PublishOutcome, ServingCopy
from livestream_local.ports import free_ports
from livestream_local.servers.probe import redis_answers
from livestream_local.servers.valkey import Valkey

_GENERATION: Final = 1
_HOST: Final = "127.0.0.1"
_REPORT_EVERY_S: Final = 1.0
_PROBE_TIMEOUT: Final = aiohttp.ClientTimeout(total=1)


class Feed:
    """What the projector does: publishes batches, and says every second how far it is."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis_client(redis_url)
        self._serving = ServingCopy(self._redis)
        self._chat = MarkedChat()
        self.cursor: Cursor | None = None

    async def begin(self) -> None:
        """An empty epoch."""
        epoch = new_epoch()
        await self._serving.switch(epoch, _GENERATION, PARTITIONS, [(0, 0, 0, 0, 0, 0, 0)], replaces="", staged=0)
        await self._report()

    async def publish(self, rows: Sequence[MessageRow]) -> None:
        outcome, self.cursor = await self._serving.publish(encode_batch(self._chat.batch(rows)), _GENERATION)
        if outcome is not PublishOutcome.OK:
            raise RuntimeError(f"Redis did not take a batch: {outcome}")

    async def keep_reporting(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._report()
            await asyncio.sleep(_REPORT_EVERY_S)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _report(self) -> None:
        now_ms = (await self._serving.status()).now_ms
        await self._serving.report([ProgressReport(partition, 0, 0, now_ms, 0) for partition in range(PARTITIONS)])


class OurGateway:
    """One or more processes. `path` is what is watched, `headers` go with each request."""

    # Measured on `messages`: the frame's own keys, its totals and its cursor.
    envelope_bytes: Final = 172

    def __init__(
        self,
        name: str = "ours",
        path: str = "/v1/streams/messages",
        *headers: str,
        processes: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._path = path
        self._headers = headers
        self._processes = processes
        self._environment = environment or {}

    @asynccontextmanager
    async def running(
        self, cores: Collection[int], broker_cores: Collection[int], folder: Path
    ) -> AsyncIterator[Server]:
        async with AsyncExitStack() as stack:
            valkey = Valkey(folder, free_ports().redis)
            command = valkey.prepare().command
            await stack.enter_async_context(
                running(command, broker_cores, folder / "valkey.log", lambda: redis_answers(valkey.url))
            )
            feed = Feed(valkey.url)
            stack.push_async_callback(feed.close)
            await feed.begin()
            reporting = asyncio.create_task(feed.keep_reporting())
            stack.push_async_callback(_cancel, reporting)
            addresses: list[Address] = [(_HOST, free_ports().gateway) for _ in range(self._processes)]
            pids = [
                await stack.enter_async_context(self._gateway(address, valkey.url, cores, folder))
                for address in addresses
            ]
            request = get_request(self._path, addresses[0], *self._headers)
            is_gzip = any("gzip" in header for header in self._headers)
            yield Server(pids, addresses, request, feed.publish, True, is_gzip, lambda: str(feed.cursor))

    @asynccontextmanager
    async def _gateway(
        self, address: Address, redis_url: str, cores: Collection[int], folder: Path
    ) -> AsyncIterator[int]:
        host, port = address
        environment = {"HOST": host, "PORT": str(port), "REDIS_URL": redis_url, "DRAIN_SECONDS": "0"}
        command = [sys.executable, "-m", "livestream_gateway"]
        log = folder / f"gateway-{port}.log"
        async with running(command, cores, log, lambda: _lives(address), environment | dict(self._environment)) as pid:
            yield pid


async def _lives(address: Address) -> bool:
    """Its readiness asks for Postgres, which nobody needs here."""
    url = f"http://{address[0]}:{address[1]}/livez"
    try:
        async with aiohttp.ClientSession(timeout=_PROBE_TIMEOUT) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
