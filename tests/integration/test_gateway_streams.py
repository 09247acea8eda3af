"""Streams end to end, on a real Valkey and a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from livestream.frames import View, ViewKind
from tests.support.chat_model import Post
from tests.support.streaming import ReadModelWriter, RunningGateway, assert_holds, running_gateway

HOME = View(ViewKind.HOME)


@pytest.fixture
async def writer(redis_url: str, database_url: str) -> AsyncIterator[ReadModelWriter]:
    async with ReadModelWriter(redis_url, database_url) as writing:
        yield writing


@pytest.fixture
async def gateway(writer: ReadModelWriter, redis_url: str, database_url: str) -> AsyncIterator[RunningGateway]:
    assert not writer.states, "it starts on an empty Redis"
    async with running_gateway(redis_url, database_url) as running:
        yield running


async def test_a_snapshot_then_deltas(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    await writer.begin_epoch()
    await writer.publish(Post("c", "1", "ann", 1, 1))
    async with gateway.open(HOME) as client:
        event, data = await client.next()
        assert event.event == "status"
        event, data = await client.next_of("snapshot")
        assert data["reason"] == "start"
        assert event.id == str(writer.cursor)
        await writer.publish(Post("c", "2", "bob", 2, 2))
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, [HOME])
