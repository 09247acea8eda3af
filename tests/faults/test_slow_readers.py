"""Clients that stop reading, and peers that vanish: they cost no memory, and nobody else anything."""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from livestream.frames import View, ViewKind
from tests.support.chat_model import Edit, Post
from tests.support.crowd import Crowd, Viewer, holds_to, reached
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.streaming import ReadModelWriter
from tests.support.waiting import wait_until_async

HOME, MESSAGES = View(ViewKind.HOME), View(ViewKind.MESSAGES)
# What these show is small, whatever becomes of the long messages.
LIGHT = [View(ViewKind.USER, "ann"), View(ViewKind.CHANNEL, "small"), View(ViewKind.CHANNELS), View(ViewKind.USERS)]
MIB = 1024 * 1024
TEXT_BYTES = 16 * 1024
LONG_MESSAGES = 24
TICKS = 100
# A fifth of what the frozen client is not sent, or what an interpreter may come to hold besides.
GROWTH_BYTES = 8 * MIB
HEARTBEAT_S = 2.0

# <linux/filter.h>: a program for a socket that keeps nothing of any packet, so its peer hears no more of it.
SO_ATTACH_FILTER = 26
BPF_RETURN_NOTHING = (0x06, 0, 0, 0)
# struct tcp_info of <linux/tcp.h>: milliseconds since data last came.
TCP_INFO_BYTES = 104
LAST_DATA_RECEIVED = 52

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell nothing of acknowledgements")


@pytest.fixture
def gateway(writer: ReadModelWriter, redis_url: str, database_url: str, tmp_path: Path) -> Iterator[GatewayProcess]:
    assert writer.epoch
    with gateway_process(redis_url, database_url, tmp_path, {"REPLAY_BYTES": str(8 * MIB)}) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as http:
        yield http


async def publish_long(writer: ReadModelWriter) -> None:
    """Texts of 384 KiB, and three short messages."""
    number = writer.chat.offset
    edits = [Edit("big", str(each), f"{number:016}" * (TEXT_BYTES // 16)) for each in range(LONG_MESSAGES)]
    posts = [Post("small", str(number + each), "ann", number + each, number + each, "short") for each in range(3)]
    await writer.publish(*edits, *posts)


async def test_a_frozen_reader_among_a_thousand(
    writer: ReadModelWriter, gateway: GatewayProcess, session: ClientSession
) -> None:
    """Memory is bounded, all others are told every delta, and it goes on exactly when it reads again."""
    await writer.publish(*(Post("big", str(each), "bob", each, each, "") for each in range(LONG_MESSAGES)))
    async with Crowd([HOME, MESSAGES], 9) as heavy, Crowd(LIGHT, 990) as light, Crowd([MESSAGES], 1) as alone:
        (frozen,) = alone.viewers
        await heavy.come(gateway.url)
        await light.come(gateway.url)
        await frozen.come(gateway.url, receive_buffer_bytes=4096)
        await reached([*heavy.viewers, *light.viewers, frozen], writer.cursor)
        assert await gateway.metric(session, "livestream_open_streams") == 1_000
        frozen.freeze()
        resident_bytes = 0
        for tick in range(TICKS):
            await publish_long(writer)
            await reached(heavy.viewers, writer.cursor)
            if tick == TICKS // 10:  # by then its buffers are full, and everything has been done once
                resident_bytes = gateway.resident_bytes
        assert gateway.resident_bytes - resident_bytes < GROWTH_BYTES
        await light.reach(writer.cursor)
        for crowd, views in ((heavy, [HOME, MESSAGES]), (light, LIGHT)):
            for view in views:
                first, *others = crowd.of(view)
                first.folded(holds_to(writer.states, view))
                assert [frame.event for frame in first.frames] == ["snapshot"] + ["delta"] * TICKS
                assert all(other.frames == first.frames for other in others)
        assert all(viewer.connections == 1 and not viewer.ended.is_set() for viewer in (*heavy.viewers, *light.viewers))
        frozen.thaw()
        await reached([frozen], writer.cursor)
        frozen.folded(holds_to(writer.states, MESSAGES))
        assert [frame.data["reason"] for frame in frozen.frames if frame.event == "snapshot"] == ["start", "slow"]
        assert await gateway.metric(session, "livestream_clients_conflated_total") == 1


def vanish(viewer: Viewer) -> None:
    """From now on nothing reaches the client, and so nothing is acknowledged: no FIN, no reset."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", *BPF_RETURN_NOTHING))
    viewer.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(program)))


def acknowledge_late(viewer: Viewer) -> None:
    """Some 40 ms after data came, as if it had travelled."""
    viewer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def silence_ms(viewer: Viewer) -> int:
    """For how long nothing has come."""
    info = viewer.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    return int(struct.unpack_from("I", info, LAST_DATA_RECEIVED)[0])


@asynccontextmanager
async def publishing(writer: ReadModelWriter, every_s: float) -> AsyncIterator[None]:
    """Short messages meanwhile."""

    async def publish() -> None:
        while True:
            number = writer.chat.offset
            await writer.publish(Post("small", str(number), "ann", number, number))
            await asyncio.sleep(every_s)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@only_linux
@pytest.mark.parametrize("every_s", [0.1, 60.0], ids=["busy", "quiet"])
async def test_peers_that_vanish_are_freed_within_two_heartbeats(
    writer: ReadModelWriter, gateway: GatewayProcess, session: ClientSession, every_s: float
) -> None:
    """Whenever between two heartbeats it happens, and whether or not anything is said meanwhile."""
    loop = asyncio.get_running_loop()
    vanished_at: list[float] = []
    async with Crowd(LIGHT, 5) as present, Crowd(LIGHT, 20) as vanishing, publishing(writer, every_s):
        await present.come(gateway.url)
        await vanishing.come(gateway.url)
        await wait_until_async(lambda: asyncio.sleep(0, all(v.position for v in vanishing.viewers)))

        async def vanish_one_by_one() -> None:
            for viewer in vanishing.viewers:
                vanish(viewer)
                vanished_at.append(loop.time())
                await asyncio.sleep(HEARTBEAT_S / len(vanishing.viewers))

        async def all_are_freed() -> bool:
            due = sum(at + 2 * HEARTBEAT_S < loop.time() for at in vanished_at)
            still = await gateway.metric(session, "livestream_open_streams")
            assert still <= 25 - due, f"{due} should be gone, and {still} are there"
            return still == len(present.viewers)

        spread = asyncio.create_task(vanish_one_by_one())
        await wait_until_async(all_are_freed, 10)
        await spread
        assert await gateway.metric(session, "livestream_clients_cut_total", reason="gone") == 20
        assert not any(viewer.ended.is_set() for viewer in present.viewers)


@only_linux
async def test_a_gateway_that_was_stopped_does_not_take_its_own_silence_for_its_clients(
    writer: ReadModelWriter, gateway: GatewayProcess, session: ClientSession
) -> None:
    """A process that was frozen for longer than two heartbeats writes first, and has to wait for acknowledgements."""
    async with Crowd([HOME, *LIGHT], 200) as crowd:
        await crowd.come(gateway.url)
        await crowd.reach(writer.cursor)
        for viewer in crowd.viewers:
            acknowledge_late(viewer)
        gateway.pause()
        await writer.publish(Post("small", "meanwhile", "ann", 1_000, 1_000))
        await wait_until_async(lambda: asyncio.sleep(0, silence_ms(crowd.viewers[0]) > 2_500 * HEARTBEAT_S))
        gateway.resume()
        await crowd.reach(writer.cursor)
        assert not any(viewer.ended.is_set() for viewer in crowd.viewers)
        assert await gateway.metric(session, "livestream_clients_cut_total") == 0
