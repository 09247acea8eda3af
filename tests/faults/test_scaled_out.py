"""Several of each service on one machine: all take part, and that one of each is lost or sent away is no loss."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from livestream.serving import ServingCopy
from livestream_local.plan import Scale
from tests.support.followers import following
from tests.support.invariants import RECOVERY_S, assert_all_is_right, views_of
from tests.support.kafka_log import KafkaLog
from tests.support.metrics import metric
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import traffic
from tests.support.waiting import wait_until_async

PROJECTORS = ("projector", "projector-2", "projector-3")
INGESTS = ("ingest", "ingest-2")
GATEWAYS = ("gateway", "gateway-2")
ONE_OF_EACH = ("projector-2", "ingest-2", "gateway-2")
PARTITIONS = 12
# Each connection is given to one of two at random: all go to the same one less than once in sixteen million runs.
CONNECTIONS = 24


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(scale=Scale(projectors=3, ingests=2, gateways=2)) as running:
        yield running


@asynccontextmanager
async def connecting_anew() -> AsyncIterator[aiohttp.ClientSession]:
    """With each request on a connection of its own."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(RECOVERY_S)) as session:
        yield session


async def each(stack: RunningStack, names: tuple[str, ...], name: str) -> list[float]:
    async with connecting_anew() as session:
        return [await metric(session, stack.url(process), name) for process in names]


async def test_all_take_part(stack: RunningStack, unique: str) -> None:
    async with connecting_anew() as session:
        posted = {"channel": unique, "user": unique, "text": "one"}
        for _ in range(CONNECTIONS):
            async with session.post(f"{stack.ingest_url}/v1/messages", json=posted) as answer:
                assert answer.status == 202
        streams = [await session.get(f"{stack.stream_url}/v1/streams/home") for _ in range(CONNECTIONS)]
        assert {stream.status for stream in streams} == {200}
        accepted = await each(stack, INGESTS, "livestream_ingest_accepted_items_total")
        opened = await each(stack, GATEWAYS, "livestream_open_streams")
        for stream in streams:
            stream.close()
    assert sum(accepted) == sum(opened) == CONNECTIONS
    assert min(*accepted, *opened) > 0

    async def is_shared_out() -> bool:
        owned = await each(stack, PROJECTORS, "livestream_projector_partitions_owned")
        return sum(owned) == PARTITIONS and min(owned) > 0

    await wait_until_async(is_shared_out, RECOVERY_S, "each projector having partitions, and all having one")


async def to_one_of_each(act: Callable[[str], None]) -> None:
    """To all three at once."""
    await asyncio.gather(*(asyncio.to_thread(act, name) for name in ONE_OF_EACH))


@pytest.mark.parametrize("way", ["killed", "stopped"])
async def test_one_of_each_is_lost(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str, way: str
) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            await posting.more(200)
            await to_one_of_each(stack.kill if way == "killed" else stack.stop)
            await posting.more(400)
            await to_one_of_each(stack.start)
            await posting.more(200)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
