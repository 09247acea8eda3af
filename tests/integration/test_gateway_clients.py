"""Clients that are slow, stuck or gone, and the end of a gateway."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web

from livestream.frames import View, ViewKind
from livestream_auditor.sse import EventParser, ServerSentEvent
from livestream_gateway import attendance, metrics
from livestream_gateway.connection import Connection
from livestream_gateway.stream import Stream
from tests.support.chat_model import Post
from tests.support.streaming import ReadModelWriter, RunningGateway, assert_holds, running_gateway
from tests.support.waiting import wait_until_async

MESSAGES = View(ViewKind.MESSAGES)
BUFFER_BYTES = 64 * 1024


@pytest.fixture
async def gateway(writer: ReadModelWriter, redis_url: str, database_url: str) -> AsyncIterator[RunningGateway]:
    assert writer.epoch
    async with running_gateway(redis_url, database_url, client_buffer_bytes=BUFFER_BYTES) as running:
        yield running


class RawClient:
    """A socket of one's own, that reads when it is told to."""

    def __init__(self, gateway: RunningGateway, path: str) -> None:
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        self.socket = socket.socket()
        # As little as the kernel allows, so that not reading shows soon.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect((host, int(port)))
        self.socket.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        self.socket.setblocking(False)
        self._parser = EventParser()
        self._head = b""

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """Until the stream ends. Raises OSError where it is cut."""
        loop = asyncio.get_running_loop()
        while piece := await loop.sock_recv(self.socket, 65_536):
            if b"\r\n\r\n" not in self._head:
                self._head += piece
                piece = self._head.partition(b"\r\n\r\n")[2]
            for event in self._parser.feed(piece):
                yield event


async def publish_much(writer: ReadModelWriter, count: int) -> None:
    """Messages of 16 KiB, 8 a batch."""
    for _ in range(count):
        first = writer.chat.offset
        await writer.publish(*(Post("c", str(first + n), "ann", first + n, first + n, "x" * 16_384) for n in range(8)))


def open_streams() -> float:
    return sum(
        sample.value
        for metric in metrics.OPEN_STREAMS.collect()
        for sample in metric.samples
        if sample.name == "livestream_open_streams"
    )


def counted(counter: object) -> float:
    return float(counter._value.get())  # type: ignore[attr-defined]


async def wait_for_no_streams(timeout_s: float = 10) -> None:
    async def none_left() -> bool:
        return open_streams() == 0

    await wait_until_async(none_left, timeout_s, "every stream's end")


async def test_a_slow_reader_is_caught_up_later_and_holds_nobody_up(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    slow = RawClient(gateway, "/v1/streams/messages")
    before = counted(metrics.CONFLATED)
    async with gateway.open(MESSAGES) as fast:
        await fast.reach(writer.cursor)
        while counted(metrics.CONFLATED) == before:
            await publish_much(writer, 1)
            await fast.reach(writer.cursor)
        await publish_much(writer, 30)
        await fast.reach(writer.cursor)
        assert_holds(fast, writer.chat, [MESSAGES])
    reasons = []
    async with asyncio.timeout(20):
        async for event in slow.events():
            if event.event == "snapshot":
                reasons.append('"reason":"slow"' in event.data)
            if event.id == str(writer.cursor):
                break
    assert reasons == [False, True]
    slow.socket.close()
    await wait_for_no_streams()


async def test_a_slow_reader_that_misses_little_misses_nothing(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    slow = RawClient(gateway, "/v1/streams/messages")
    before = counted(metrics.CONFLATED)
    while counted(metrics.CONFLATED) == before:
        await publish_much(writer, 1)
        await asyncio.sleep(0)
    seen: set[str] = set()
    async with asyncio.timeout(20):
        async for event in slow.events():
            if event.event != "status":
                seen |= {part.partition('"')[0] for part in event.data.split('"id":"')[1:]}
            if event.id == str(writer.cursor):
                break
    assert seen == {key.id for key in writer.chat.messages}
    slow.socket.close()
    await wait_for_no_streams()


async def test_a_stuck_reader_is_cut(
    writer: ReadModelWriter, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attendance, "_STUCK_SECONDS", 0.5)
    before = counted(metrics.CUT.labels("stuck"))
    stuck = RawClient(gateway, "/v1/streams/messages")
    while counted(metrics.CUT.labels("stuck")) == before:
        await publish_much(writer, 1)
        await asyncio.sleep(0)
    await wait_for_no_streams()
    stuck.socket.close()


async def test_a_closed_connection_is_freed_at_once(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    async with gateway.open(MESSAGES) as client:
        await client.reach(writer.cursor)
        assert open_streams() == 1
    await wait_for_no_streams(1)


async def test_draining_spreads_the_ends_and_the_returns(
    writer: ReadModelWriter, redis_url: str, database_url: str
) -> None:
    async with running_gateway(redis_url, database_url, drain_seconds=0.5) as gateway, ClientSession() as session:
        retries = []

        async def watch() -> None:
            async with gateway.open(MESSAGES) as client:
                await client.reach(writer.cursor)
                await client.read_to_the_end()
                retries.append(client.parser.retry_ms)

        watching = [asyncio.create_task(watch()) for _ in range(8)]
        await wait_until_async(lambda: asyncio.sleep(0, open_streams() == 8))
        drain = gateway.drain
        assert drain is not None
        draining = asyncio.create_task(drain.run())
        await wait_until_async(lambda: asyncio.sleep(0, drain.begun))
        async with gateway.open(MESSAGES) as late:
            await late.read_to_the_end()
            assert late.events == []
            retries.append(late.parser.retry_ms)
        async with session.get(f"{gateway.url}/readyz") as response:
            assert response.status == 503
        await asyncio.gather(draining, *watching)
        assert all(retry is not None and 500 <= retry <= 1_000 for retry in retries)
        assert len(set(retries)) > 1


async def test_streams_leave_nothing_to_the_garbage_collector(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """It looks at everything once an hour only: what waits for that would be a leak."""
    assert writer.epoch
    before = open_streams()
    gc.collect()
    gc.disable()
    try:
        clients = [RawClient(gateway, path) for path in ("/v1/streams/home", "/v1/streams?view=home&view=users") * 5]
        for client in clients:
            await anext(client.events())
        for number, client in enumerate(clients):
            if number % 2:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.socket.close()

        async def all_are_gone() -> bool:
            return open_streams() == before

        await wait_until_async(all_are_gone, what="the end of all streams")
        await asyncio.sleep(0)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [each for each in gc.garbage if isinstance(each, Stream | Connection | web.BaseRequest)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
