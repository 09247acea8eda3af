"""Services killed under load, at the worst moments: nothing is lost, nothing counts twice, and viewers miss nothing."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest

from livestream.serving import ServingCopy
from livestream_projector.failpoints import Failpoint
from tests.support.consumer_group import forget_members
from tests.support.followers import Followers, following
from tests.support.invariants import (
    RECOVERY_S,
    assert_a_rebuild_gives_the_same_rows,
    assert_all_is_right,
    views_of,
)
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import traffic
from tests.support.waiting import wait_until, wait_until_async
from tests.support.web import web_client

ROUNDS = 2


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack() as running:
        yield running


def killed(stack: RunningStack, failpoint: Failpoint) -> None:
    """Lets the projector die there, and comes back when another one runs."""
    pid = stack.services.pid("projector")
    stack.failpoints.ask("projector", failpoint, "kill")
    wait_until(lambda: stack.failpoints.is_done("projector", failpoint), RECOVERY_S, f"reaching {failpoint}")
    wait_until(lambda: stack.services.pid("projector") != pid, what="the end of the projector")
    stack.stop("projector")


@pytest.mark.parametrize("failpoint", list(Failpoint))
async def test_a_projector_killed_at_any_point_of_a_batch_loses_nothing_and_doubles_nothing(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, failpoint: Failpoint, unique: str
) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            for _ in range(ROUNDS):
                await posting.more(200)
                await asyncio.to_thread(killed, stack, failpoint)
                await forget_members(stack.kafka_bootstrap_servers)
                await asyncio.to_thread(stack.start, "projector")
            await posting.more(200)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
        assert {reason for each in followers.all for view in each.views.values() for reason in view.reasons} == {
            "start"
        }


async def test_a_killed_projector_is_started_again_and_gets_its_partitions_back(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    """With nobody's help: the supervisor starts it, and its group gives up the dead one after the session timeout."""
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            await posting.more(200)
            await asyncio.to_thread(stack.kill, "projector")
            await posting.more(200)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
        assert all("stale" in each.states for each in followers.all), "viewers were told"


async def test_a_killed_ingest_keeps_what_it_acknowledged(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            for _ in range(ROUNDS):
                await posting.more(200)
                await asyncio.to_thread(stack.kill, "ingest")
            await posting.more(200)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


async def test_viewers_of_a_killed_gateway_go_on_from_their_cursors(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            for _ in range(ROUNDS):
                await posting.more(100)
                connections = [each.connections for each in followers.all]
                await asyncio.to_thread(stack.kill, "gateway")
                await wait_until_async(partial(all_are_back, followers, connections), RECOVERY_S, "all viewers")
            await posting.more(100)
        await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
        # Whoever missed more than a window is told so; nobody is sent away with another reason.
        assert followers.reasons <= {"start", "behind"}


async def all_are_back(followers: Followers, connections_before: list[int]) -> bool:
    followers.check()
    return all(each.connections > before for each, before in zip(followers.all, connections_before, strict=True))


async def test_a_killed_web_renders_what_the_streams_go_on_from(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    async with (
        following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers,
        web_client(stack.web_url) as web,
    ):
        async with traffic(stack.ingest_url, unique) as posting:
            await posting.more(100)
            await asyncio.to_thread(stack.kill, "web")
            await wait_until_async(lambda: asyncio.to_thread(stack.is_ready, "web"), RECOVERY_S, "web again")
            await posting.more(100)
        model = await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
        assert (await web.get("/api/v1/summary")).body["totals"]["messages"] == model.totals[0]
        assert len(await web.items(f"/api/v1/channels/{unique}-0/messages?limit=500")) == sum(
            message.channel == f"{unique}-0" for message in model.visible()
        )


async def test_a_rebuild_of_all_this_gives_the_same_rows(stack: RunningStack) -> None:
    await assert_a_rebuild_gives_the_same_rows(stack)
