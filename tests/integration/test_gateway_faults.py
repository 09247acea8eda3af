"""Redis killed, emptied, hung, and epochs that change: every stream goes on by itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from livestream.cursor import Cursor
from livestream.frames import View, ViewKind
from livestream_local.ports import free_ports
from livestream_local.servers.valkey import Valkey
from tests.support.chat_model import Post
from tests.support.streaming import ReadModelWriter, RunningGateway, StreamClient, assert_holds, running_gateway
from tests.support.supervised import Supervised

VIEWS = [View(ViewKind.HOME), View(ViewKind.MESSAGES), View(ViewKind.USER, "ann")]


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Supervised, str]]:
    """A Valkey that may be killed."""
    data: Path = tmp_path_factory.mktemp("killable")
    valkey = Valkey(data, free_ports().redis)
    with Supervised([[valkey]], data / "logs") as running:
        yield running, valkey.url


@pytest.fixture
async def writer(valkey_server: tuple[Supervised, str], database_url: str) -> AsyncIterator[ReadModelWriter]:
    async with ReadModelWriter(valkey_server[1], database_url) as writing:
        await writing.begin_epoch()
        await writing.publish(Post("c", "1", "ann", 1, 1))
        yield writing


@pytest.fixture
async def gateway(
    writer: ReadModelWriter, valkey_server: tuple[Supervised, str], database_url: str
) -> AsyncIterator[RunningGateway]:
    assert writer.epoch
    async with running_gateway(valkey_server[1], database_url) as running:
        yield running


async def next_snapshots(client: StreamClient) -> set[str]:
    """The reasons of the next snapshot of each view."""
    return {(await client.next_of("snapshot"))[1]["reason"] for _ in client.views}


async def test_a_new_epoch_replaces_everything(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    async with gateway.open(*VIEWS) as client:
        await client.reach(writer.cursor)
        await writer.begin_epoch()
        assert await next_snapshots(client) == {"epoch"}
        await writer.publish(Post("c", "2", "ann", 2, 2))
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, VIEWS)


async def test_an_emptied_redis_is_rebuilding_until_an_epoch_is_loaded(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    async with gateway.open(*VIEWS) as client:
        await client.reach(writer.cursor)
        await writer.serving.redis.flushall()
        await client.state("rebuilding")
        async with gateway.open(*VIEWS) as late:
            await late.state("rebuilding")
            await writer.begin_epoch()
            for each, reason in ((client, "epoch"), (late, "start")):
                assert await next_snapshots(each) == {reason}
                await each.reach(writer.cursor)
                assert_holds(each, writer.chat, VIEWS)


async def test_a_killed_redis_is_found_again(
    writer: ReadModelWriter, gateway: RunningGateway, valkey_server: tuple[Supervised, str]
) -> None:
    supervised, _ = valkey_server
    async with gateway.open(*VIEWS) as client, writer.reporting():
        await client.state("live")
        await client.reach(writer.cursor)
        await asyncio.to_thread(supervised.kill, "valkey")
        await client.state("rebuilding", "stale")
        await asyncio.to_thread(supervised.start, "valkey")
        await client.state("rebuilding")
        await writer.begin_epoch()
        assert await next_snapshots(client) == {"epoch"}
        assert_holds(client, writer.chat, VIEWS)
        await client.state("live")


async def test_a_redis_that_hangs_is_stale_within_five_seconds(
    writer: ReadModelWriter, gateway: RunningGateway, valkey_server: tuple[Supervised, str]
) -> None:
    supervised, _ = valkey_server
    async with gateway.open(*VIEWS) as client:
        await client.state("live")
        await client.reach(writer.cursor)
        await writer.report()
        supervised.pause("valkey")
        paused_at = time.monotonic()
        try:
            await client.state("stale")
            assert time.monotonic() - paused_at < 5.5
            async with gateway.open(VIEWS[0]) as late:
                await late.state("stale")
                _, data = await late.next_of("snapshot")
                assert data["reason"] == "start"
        finally:
            supervised.resume("valkey")
        async with writer.reporting():
            await client.state("live")
            await writer.publish(Post("c", "3", "ann", 3, 3))
            await client.reach(writer.cursor)
        assert_holds(client, writer.chat, VIEWS)
        assert [data["reason"] for event, data in client.frames if event == "snapshot"] == ["start"] * len(VIEWS)


async def test_idle_and_lagging_are_told(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    async with gateway.open(VIEWS[0]) as client:
        await client.state("live")
        now_ms = (await writer.serving.status()).now_ms
        await writer.report(last_append_ms=now_ms - 120_000)
        await client.state("idle")
        await writer.report(lag_ms=5_001)
        assert (await client.state("stale"))["lag_ms"] == 5_001
        await writer.report()
        data = await client.state("live")
        assert data.keys() == {"state", "last_message_at", "lag_ms", "tick_ms"}


async def test_a_cursor_of_an_epoch_not_heard_of_yet(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """The page was rendered after the switch, and its stream is asked for before the gateway noticed."""
    async with gateway.open(VIEWS[0]) as client:
        await client.reach(writer.cursor)
        await writer.begin_epoch()
        async with gateway.open(VIEWS[0], cursor=Cursor(writer.epoch, 0)) as early:
            early.views["home"].hold(writer.chat.expected(VIEWS[0]))
            await writer.publish(Post("c", "2", "ann", 2, 2))
            await early.reach(writer.cursor)
            assert [event for event, _ in early.frames] == ["delta"]
            assert_holds(early, writer.chat, VIEWS[:1])


async def test_a_gateway_that_starts_before_there_is_an_epoch(
    writer: ReadModelWriter, valkey_server: tuple[Supervised, str], database_url: str
) -> None:
    await writer.serving.redis.flushall()
    async with running_gateway(valkey_server[1], database_url) as gateway, gateway.open(VIEWS[0]) as client:
        await client.state("rebuilding")
        assert client.frames == []
        await writer.begin_epoch()
        _, data = await client.next_of("snapshot")
        assert data["reason"] == "start"
        assert_holds(client, writer.chat, VIEWS[:1])
