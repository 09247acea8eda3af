"""Projectors that come, go, and come back from the dead: whoever lost a partition writes nothing to it any more."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from livestream.events import MessagePosted, UserDeleted
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_local.plan import Scale
from livestream_local.ports import free_ports
from livestream_local.services import Service
from livestream_projector.failpoints import Failpoint
from tests.support.followers import following
from tests.support.invariants import (
    RECOVERY_S,
    assert_a_rebuild_gives_the_same_rows,
    assert_all_is_right,
    live_rows,
    views_of,
)
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import PROJECTOR, RunningStack, StartStack
from tests.support.supervised import Supervised
from tests.support.traffic import traffic
from tests.support.waiting import wait_until, wait_until_async

# One at each moment at which a process may be stopped in the middle of a batch, and one that takes over from them.
ZOMBIES = {
    "projector-2": Failpoint.FETCHED,
    "projector-3": Failpoint.BEFORE_COMMIT,
    "projector-4": Failpoint.AFTER_COMMIT,
}
FENCED = '"event": "fenced"'
LATE_CHANNELS = 24
LATE_PAUSE_S = 0.05


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "ingest", "gateway"], scale=Scale(projectors=1 + len(ZOMBIES))) as running:
        yield running


def stopped(stack: RunningStack) -> None:
    """Each stops itself in the middle of a batch."""
    for name, failpoint in ZOMBIES.items():
        stack.failpoints.ask(name, failpoint, "stop")
    for name, failpoint in ZOMBIES.items():
        is_done = partial(stack.failpoints.is_done, name, failpoint)
        wait_until(is_done, RECOVERY_S, f"{name} at {failpoint}")


async def test_zombies_write_nothing(stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            await posting.more(200)
            await asyncio.to_thread(stopped, stack)
            await posting.more(200)
        try:
            # The one that is left gets the partitions of the others when their session timeout is over.
            await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
            before, cursor = await live_rows(stack), (await serving.status()).cursor
            told = {name: len(stack.log(name)) for name in ZOMBIES}
        finally:
            for name in ZOMBIES:
                stack.resume(name)
        await asyncio.to_thread(wait_until, lambda: are_back(stack, told), RECOVERY_S, "zombies that live again")
        assert (await live_rows(stack), (await serving.status()).cursor) == (before, cursor)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


def are_back(stack: RunningStack, told: dict[str, int]) -> bool:
    """Each has noticed that it had lost its partitions, and has some again, with a log of so many characters before."""
    return all("partitions_assigned" in stack.log(name)[length:] for name, length in told.items())


async def test_projectors_of_two_groups_fence_one_another_and_fold_everything_once(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str, tmp_path: Path
) -> None:
    """A mistake in a configuration: each believes that every partition is its own, and no rebalance ever tells it."""
    environment = {**stack.servers.environment, "PROJECTOR_GROUP": "another"}
    stranger = Service("stranger", PROJECTOR, free_ports().projector, environment)
    before = times_fenced(stack)
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        with Supervised([[stranger]], tmp_path) as others:

            async def in_each_others_way() -> bool:
                return times_fenced(stack) + others.log("stranger").count(FENCED) > before

            async with traffic(stack.ingest_url, unique) as posting:
                await wait_until_async(in_each_others_way, RECOVERY_S, "one of them being fenced")
                await posting.more(1_000)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


def times_fenced(stack: RunningStack) -> int:
    return sum(stack.log(name).count(FENCED) for name in ("projector", *ZOMBIES))


async def test_a_user_is_deleted_while_projectors_come_and_go(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    """Late messages of that user, on all partitions, race with the deletion: none of them is shown at the end."""
    leaving = f"{unique}-leaving"
    further = ("projector-2", "projector-3")
    for name in ZOMBIES:
        await asyncio.to_thread(stack.stop, name)
    async with following(stack.stream_url, views_of(f"{unique}-0", leaving)) as followers:
        async with traffic(stack.ingest_url, unique) as posting, late_messages(log, leaving):
            await posting.more(200)
            await in_threads(stack.start, further)
            await log.append([UserDeleted(leaving, now_ms())])
            await posting.more(200)
            await in_threads(stack.stop, further)
            await posting.more(200)
        await log.append([MessagePosted(f"{unique}-0", "again", leaving, "back", now_ms())])
        model = await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
        assert model.users[leaving].messages == 1


async def in_threads(act: Callable[[str], None], names: Sequence[str]) -> None:
    await asyncio.gather(*(asyncio.to_thread(act, name) for name in names))


@asynccontextmanager
async def late_messages(log: KafkaLog, user: str) -> AsyncIterator[None]:
    """Meanwhile the user's messages of before come in, over and over."""
    begun_ms = now_ms()

    async def post() -> None:
        number = 0
        while True:
            names = [f"{user}-{each}" for each in range(LATE_CHANNELS)]
            await log.append([MessagePosted(name, f"{number}", user, "late", begun_ms + number) for name in names])
            number += 1
            await asyncio.sleep(LATE_PAUSE_S)

    posting = asyncio.create_task(post())
    try:
        yield
    finally:
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)


async def test_a_rebuild_of_all_this_gives_the_same_rows(stack: RunningStack) -> None:
    await assert_a_rebuild_gives_the_same_rows(stack)
