"""Redis emptied, restarted, or put back to what it was: a new epoch, counts right, viewers told, and never zeros."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from livestream.serving import ServingCopy
from tests.support.followers import Followers
from tests.support.invariants import RECOVERY_S, assert_all_is_right
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import traffic
from tests.support.upstream_events import caught_up
from tests.support.waiting import wait_until_async
from tests.support.watched_pages import WatchedPages, watching


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack() as running:
        yield running


@asynccontextmanager
async def new_epoch(followers: Followers) -> AsyncIterator[None]:
    """Leaves when every client has got the snapshots of an epoch that began meanwhile."""
    before = [len(each.epochs) for each in followers.all]
    yield

    async def told() -> bool:
        followers.check()
        return all(len(each.epochs) > epochs for each, epochs in zip(followers.all, before, strict=True))

    await wait_until_async(told, RECOVERY_S, "a new epoch at every client")


def assert_no_count_fell(followers: Followers, pages: WatchedPages) -> None:
    """Nothing was deleted, so no count may ever be less than one that was shown before."""
    assert pages.counts == sorted(pages.counts)
    for follower in followers.all:
        for view in follower.views.values():
            assert view.totals == sorted(view.totals), view.view


async def post(stack: RunningStack, prefix: str, count: int) -> set[tuple[str, str]]:
    async with traffic(stack.ingest_url, prefix) as posting:
        await posting.more(count)
    return posting.acknowledged


async def test_emptied_under_load_it_is_filled_again_and_shows_no_zeros(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, followers: Followers, unique: str
) -> None:
    async with traffic(stack.ingest_url, unique) as posting, watching(stack.web_url) as pages:
        for _ in range(2):
            await posting.more(200)
            async with new_epoch(followers):
                await redis.flushall()
    await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
    assert followers.reasons == {"start", "epoch"}
    assert_no_count_fell(followers, pages)


async def test_emptied_while_nothing_is_posted_it_is_filled_again_and_shows_no_zeros(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, followers: Followers, unique: str
) -> None:
    posted = await post(stack, unique, 200)
    await caught_up(log, serving)
    async with watching(stack.web_url) as pages:
        async with new_epoch(followers):
            await redis.flushall()
        await pages.looks(200)
    await assert_all_is_right(stack, log, serving, followers, posted)
    assert_no_count_fell(followers, pages)


async def test_killed_under_load_it_is_filled_again_and_shows_no_zeros(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, followers: Followers, unique: str
) -> None:
    async with traffic(stack.ingest_url, unique) as posting, watching(stack.web_url) as pages:
        await posting.more(200)
        async with new_epoch(followers):
            await asyncio.to_thread(stack.kill, "valkey")
        await posting.more(200)
    await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
    assert_no_count_fell(followers, pages)


@pytest.mark.parametrize("restarted", [False, True], ids=["same-run", "restarted"])
async def test_restored_from_an_older_copy_it_is_brought_to_what_the_log_says(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    redis: Redis,
    followers: Followers,
    unique: str,
    restarted: bool,
) -> None:
    """With nothing posted since, so that no batch can show what is missing."""
    posted = await post(stack, unique, 100)
    await caught_up(log, serving)
    copy: dict[Any, Any] = {key: await redis.dump(key) for key in await redis.keys()}
    posted |= await post(stack, f"{unique}-later", 100)
    await caught_up(log, serving)
    async with new_epoch(followers):
        if restarted:
            await asyncio.to_thread(stack.restart, "valkey")
        # At once: nobody sees it empty and fills it in between.
        restoring: Any = redis.pipeline(transaction=True)
        restoring.flushall()
        for key, content in copy.items():
            restoring.restore(key, 0, content)
        await restoring.execute()
    await assert_all_is_right(stack, log, serving, followers, posted)
