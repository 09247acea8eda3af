"""A rebuild beside live traffic: the same rows in a new generation, and viewers who are told and go on."""

import asyncio
from collections.abc import Iterator
from random import Random

import aiohttp
import asyncpg
import msgspec
import pytest

from livestream.events import ChannelDeleted, MessagePosted, UserDeleted
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_auditor.sse import EventParser, read_events
from tests.support.kafka_log import KafkaLog
from tests.support.rebuilding import REBUILD_S, finish_rebuild, start_rebuild
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import caught_up, messages
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async

# Live traffic of some hundreds a second: what an upstream can post at most would be ahead of any fold on two cores.
POST_PAUSE_S = 0.05


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "gateway"]) as running:
        yield running


async def assert_equal(stack: RunningStack, log: KafkaLog, serving: ServingCopy) -> None:
    await caught_up(log, serving)
    await assert_equal_to_the_log(stack)


async def generations(stack: RunningStack) -> list[tuple[int, str]]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        return [tuple(row) for row in await connection.fetch("SELECT generation, state FROM generations")]
    finally:
        await connection.close()


async def keep_posting(log: KafkaLog, enough: asyncio.Event) -> None:
    number = 0
    while not enough.is_set():
        posts = [MessagePosted(f"live-{n}", f"{number}-{n}", f"user-{n}", "meanwhile", now_ms()) for n in range(20)]
        await log.append(posts)
        await asyncio.sleep(POST_PAUSE_S)
        number += 1


async def watch(stack: RunningStack, states: set[str], counts: list[int]) -> None:
    """What a page on `home` is told."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{stack.stream_url}/v1/streams/home") as response,
    ):
        async for event in read_events(response, EventParser()):
            told = msgspec.json.decode(event.data)
            if event.event == "status":
                states.add(told["state"])
            elif "totals" in told:
                counts.append(told["totals"]["messages"])


async def test_a_rebuild_beside_live_traffic_gives_the_same_rows(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy
) -> None:
    await log.append(messages(Random(1), 3_000, "rebuilt"))
    await log.append([UserDeleted("rebuilt-u1", now_ms()), ChannelDeleted("rebuilt-3", now_ms())])
    _, before, _ = await caught_up(log, serving)
    states: set[str] = set()
    counts: list[int] = []
    watching = asyncio.create_task(watch(stack, states, counts))
    enough = asyncio.Event()
    posting = asyncio.create_task(keep_posting(log, enough))
    await finish_rebuild(await start_rebuild(stack))
    enough.set()
    await posting
    await assert_equal(stack, log, serving)
    _, after, _ = await caught_up(log, serving)
    await wait_until_async(lambda: reached(counts, after.stand.totals.messages), what="the page at the end")
    watching.cancel()
    assert after.stand.cursor.epoch != before.stand.cursor.epoch
    assert await generations(stack) == [(2, "live")]
    assert "rebuilding" in states
    assert counts == sorted(counts), "no count runs backwards"


async def reached(counts: list[int], messages_: int) -> bool:
    return bool(counts) and counts[-1] == messages_


async def test_a_rebuild_that_was_killed_is_begun_again(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy
) -> None:
    await log.append(messages(Random(2), 5_000, "killed"))
    await caught_up(log, serving)
    killed = await start_rebuild(stack)
    assert killed.stdout is not None
    async with asyncio.timeout(REBUILD_S):
        while msgspec.json.decode(await killed.stdout.readline())["records"] == 0:
            pass
    killed.kill()
    await killed.communicate()
    await assert_equal(stack, log, serving)
    await finish_rebuild(await start_rebuild(stack))
    await assert_equal(stack, log, serving)
    assert len(await generations(stack)) == 1
