"""The end of a gateway that many are connected to: it is soon gone, they come back spread out, and miss nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from livestream.frames import View, ViewKind
from tests.support.chat_model import Post
from tests.support.crowd import Crowd, Viewer, holds_to, reached
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.streaming import ReadModelWriter
from tests.support.waiting import wait_until_async

MESSAGES = View(ViewKind.MESSAGES)
VIEWS = [View(ViewKind.HOME), MESSAGES, View(ViewKind.USER, "ann"), View(ViewKind.CHANNEL, "c"), View(ViewKind.USERS)]
DRAIN_SECONDS = 2
# A process needs a moment to start and to end; the launcher grants it 20 s.
GRACE_S = DRAIN_SECONDS + 3
# Whoever is away for the longest time that the end may take misses less than the smallest window holds.
POST_EVERY_S = 0.15
# More than a client that reads nothing lets pass, and less than makes the gateway leave it out.
PENDING_BYTES = 400 * 1024
TEXT_BYTES = 16 * 1024


@pytest.fixture
def gateway(writer: ReadModelWriter, redis_url: str, database_url: str, tmp_path: Path) -> Iterator[GatewayProcess]:
    """The one that is told to stop."""
    assert writer.epoch
    with gateway_process(redis_url, database_url, tmp_path / "one", {"DRAIN_SECONDS": str(DRAIN_SECONDS)}) as running:
        yield running


@pytest.fixture
def other(writer: ReadModelWriter, redis_url: str, database_url: str, tmp_path: Path) -> Iterator[GatewayProcess]:
    """Another replica."""
    assert writer.epoch
    with gateway_process(redis_url, database_url, tmp_path / "other") as running:
        yield running


async def post(writer: ReadModelWriter, text: str = "text") -> None:
    number = writer.chat.offset
    await writer.publish(Post("c", str(number), "ann", number, number, text))


@asynccontextmanager
async def posting(writer: ReadModelWriter) -> AsyncIterator[None]:
    """Somebody posts all the time meanwhile."""
    done = asyncio.Event()

    async def keep_posting() -> None:
        while not done.is_set():
            await post(writer)
            await asyncio.sleep(POST_EVERY_S)

    task = asyncio.create_task(keep_posting())
    try:
        yield
    finally:
        done.set()
        await task


async def stop(gateway: GatewayProcess) -> float:
    """SIGTERM; returns how many seconds it took to be gone."""
    began = time.monotonic()
    await asyncio.to_thread(gateway.stop)
    return time.monotonic() - began


def middle_seconds(times: Iterable[float]) -> float:
    """How long the middle four fifths of it took: four fifths of the span where it is even, next to nothing at once."""
    ordered = sorted(times)
    tenth = len(ordered) // 10
    return ordered[-1 - tenth] - ordered[tenth]


class Return(NamedTuple):
    """When a client's stream ended, and when it asked for it again for the first time."""

    ended_at: float
    asked_at: float


async def come_back(viewer: Viewer, url: str) -> Return:
    """As a browser does: when it was told to, and again where nobody listens, until there is a stream that goes on."""
    await viewer.ended.wait()
    ended_at, asked_at = viewer.ended_at, 0.0
    while viewer.ended.is_set():
        # A connection that was not taken any more, or not answered, was dropped with the socket that took it.
        if viewer.status_code:
            assert viewer.retry_ms is not None, "a client was not told when to come back"
            await asyncio.sleep(viewer.retry_ms / 1000)
        asked_at = asked_at or asyncio.get_running_loop().time()
        await wait_until_async(lambda: listens(viewer, url), what="somebody who listens")
        await viewer.answered.wait()
    return Return(ended_at, asked_at)


async def listens(viewer: Viewer, url: str) -> bool:
    """Whether somebody took the connection."""
    try:
        await viewer.come(url)
    except OSError:
        return False
    return True


async def test_a_thousand_streams_come_back_spread_out_and_miss_nothing(
    writer: ReadModelWriter, gateway: GatewayProcess, other: GatewayProcess
) -> None:
    """Half of them to another gateway, half to the same one, started anew."""
    await post(writer)
    async with Crowd(VIEWS, 1_000) as crowd:
        await crowd.come(gateway.url)
        await crowd.reach(writer.cursor)
        async with posting(writer):
            returning = [
                asyncio.create_task(come_back(viewer, each.url))
                for viewer, each in zip(crowd.viewers, [gateway, other] * 500, strict=True)
            ]
            assert await stop(gateway) < GRACE_S
            await asyncio.to_thread(gateway.start)
            returns = await asyncio.gather(*returning)
        await crowd.reach(writer.cursor)
        assert middle_seconds(each.ended_at for each in returns) > DRAIN_SECONDS / 2
        assert middle_seconds(each.asked_at for each in returns) > DRAIN_SECONDS / 2
        for view in VIEWS:
            check = holds_to(writer.states, view)
            for viewer in crowd.of(view):
                client = viewer.folded(check)
                assert len(client.told) == len(set(client.told)), "nothing is told twice"
                assert [frame.data["reason"] for frame in viewer.frames if frame.event == "snapshot"] == ["start"]


@pytest.mark.parametrize("pending_bytes", [PENDING_BYTES, 10 * PENDING_BYTES], ids=["some", "too-much"])
async def test_clients_that_do_not_read_do_not_hold_the_end_up(
    writer: ReadModelWriter, gateway: GatewayProcess, pending_bytes: int
) -> None:
    """What they were not sent is not waited for: it is in the log, and they come back for it."""
    async with Crowd([MESSAGES], 20) as frozen, Crowd([MESSAGES], 1) as reading:
        for viewer in frozen.viewers:
            await viewer.come(gateway.url, receive_buffer_bytes=4096)
        await reading.come(gateway.url)
        await reached([*frozen.viewers, *reading.viewers], writer.cursor)
        for viewer in frozen.viewers:
            viewer.freeze()
        for _ in range(pending_bytes // TEXT_BYTES):
            await post(writer, "x" * TEXT_BYTES)
        await reading.reach(writer.cursor)
        assert await stop(gateway) < GRACE_S
        await asyncio.to_thread(gateway.start)
        for viewer in frozen.viewers:
            viewer.thaw()
        for viewer in frozen.viewers:
            await viewer.ended.wait()
            await viewer.come(gateway.url)
        await frozen.reach(writer.cursor)
        for viewer in frozen.viewers:
            viewer.folded(holds_to(writer.states, MESSAGES))


async def test_whoever_comes_while_it_ends_is_told_to_come_later(
    writer: ReadModelWriter, gateway: GatewayProcess
) -> None:
    """Nobody's stream hangs, or is dropped without a word, or refused: a browser takes that for an answer for ever."""
    await post(writer)
    async with Crowd(VIEWS, 50) as early, Crowd(VIEWS, 500) as late, asyncio.timeout(GRACE_S + 5):
        await early.come(gateway.url)
        stopping = asyncio.create_task(stop(gateway))
        came = 0
        while came < len(late.viewers) and await listens(late.viewers[came], gateway.url):
            came += 1
        assert await stopping < GRACE_S
        assert came
        for viewer in [*early.viewers, *late.viewers[:came]]:
            await viewer.ended.wait()
    answered = [viewer for viewer in [*early.viewers, *late.viewers[:came]] if viewer.status_code]
    assert {viewer.status_code for viewer in answered} == {200}
    assert all(viewer.retry_ms is not None for viewer in answered)
    assert any(not viewer.frames for viewer in answered), "nobody came while it ended"
    assert "Traceback" not in gateway.log()
