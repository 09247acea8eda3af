"""Writing to a client past its transport: nothing is lost, repeated or out of order, whatever the kernel takes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from livestream.service import new_event_loop
from livestream_gateway.connection import Connection
from livestream_gateway.wire import Form, Piece
from tests.support.waiting import wait_until_async

PLAIN = Form(gzip=False, chunked=False)
TIMEOUT_S = 10
# Far more than the kernel takes for a peer that does not read.
PIECES = [Piece(b"%06d " % number * 1_000) for number in range(2_000)]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.Transport, socket.socket]]:
    """A server's transport, and the client's socket, which does not block."""
    accepted: asyncio.Future[asyncio.Transport] = asyncio.get_running_loop().create_future()

    class Accepting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.set_result(cast("asyncio.Transport", transport))  # uvloop's is one by what it does

    server = await asyncio.get_running_loop().create_server(Accepting, "127.0.0.1", 0)
    client = socket.create_connection(server.sockets[0].getsockname())
    client.setblocking(False)
    transport = await accepted
    try:
        yield transport, client
    finally:
        transport.abort()
        client.close()
        server.close()
        await server.wait_closed()


async def write_to_who_reads_late() -> tuple[bytes, int]:
    """What a client got that began to read when half was written, and how much had to wait for it."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(TIMEOUT_S), connected() as (transport, client):
        connection = Connection(transport, PLAIN)
        half = len(PIECES) // 2
        written = sum(connection.write(piece) for piece in PIECES[:half])
        waited = connection.buffered_bytes
        got = bytearray()
        for piece in PIECES[half:]:
            written += connection.write(piece)
            got += await loop.sock_recv(client, 65_536)
        while len(got) < written:
            got += await loop.sock_recv(client, 65_536)
        assert connection.buffered_bytes == 0
        return bytes(got), waited


@pytest.mark.parametrize("make_loop", [new_event_loop, asyncio.new_event_loop])
def test_what_the_kernel_does_not_take_waits_and_keeps_its_place(make_loop: object) -> None:
    assert callable(make_loop)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        got, waited = runner.run(write_to_who_reads_late())
    assert waited > 0
    assert got == b"".join(piece.to(PLAIN) for piece in PIECES)


async def test_nothing_is_written_to_who_has_the_descriptor_next() -> None:
    async with asyncio.timeout(TIMEOUT_S), connected() as (transport, _):
        connection = Connection(transport, PLAIN)
        descriptor = transport.get_extra_info("socket").fileno()
        connection.abort()
        await wait_until_async(lambda: _is_closed(descriptor), TIMEOUT_S, "the end of the connection")
        ours, theirs = socket.socketpair()
        with ours, theirs:
            assert descriptor in (ours.fileno(), theirs.fileno())
            ours.setblocking(False)
            theirs.setblocking(False)
            assert connection.write(PIECES[0]) == 0
            for each in (ours, theirs):
                with pytest.raises(BlockingIOError):
                    each.recv(1)


async def test_a_connection_that_the_client_cut_is_the_transports_to_end() -> None:
    lost = asyncio.Event()
    async with asyncio.timeout(TIMEOUT_S), connected() as (transport, client):

        class Watching(asyncio.Protocol):
            def connection_lost(self, _: Exception | None) -> None:
                lost.set()

        transport.set_protocol(Watching())
        connection = Connection(transport, PLAIN)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()  # with a reset
        while not transport.is_closing():
            connection.write(PIECES[0])
            await asyncio.sleep(0)
        await lost.wait()
        assert connection.write(PIECES[0]) == 0


async def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False
