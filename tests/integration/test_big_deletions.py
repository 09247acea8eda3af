"""The deletion of a channel with thousands of users: nobody waits for it, and nobody is flooded."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from livestream.events import ChannelDeleted, MessagePosted
from livestream.frames import View, ViewKind
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_projector.deletion_prior import RECOUNTED_AT_ONCE
from tests.support.folding_client import FoldingClient
from tests.support.followers import following
from tests.support.invariants import views_of
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async

# Their counts follow in three steps behind the deletion's own.
USERS = 3 * RECOUNTED_AT_ONCE + 100
FOLDED_S = 60
# A frame is told whole at a tick; the window's 500 rows are as long as this many names that are removed.
ROWS_AT_MOST = 600


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "gateway"]) as running:
        yield running


async def fill(log: KafkaLog, serving: ServingCopy, channel: str) -> None:
    """A message of each of USERS users, and one of each tenth in another channel that stays."""
    past_ms = now_ms() - USERS
    posts = [MessagePosted(channel, str(n), f"{channel}-u{n}", "text", past_ms + n) for n in range(USERS)]
    posts += [MessagePosted(f"{channel}-stays", post.id, post.user, "text", post.ts_ms) for post in posts[::10]]
    await log.append(posts)

    async def folded() -> bool:
        return (await serving.windows()).stand.totals.messages >= len(posts)

    await wait_until_async(folded, FOLDED_S, "the channel's messages in Redis")


async def recounting(serving: ServingCopy) -> bool:
    return bool((await serving.windows()).stand.recounting)


async def settled(serving: ServingCopy) -> bool:
    return not await recounting(serving)


async def test_counts_follow_while_others_go_on(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    """The channel is gone at once, new messages in it and beside it are served, and at the end every count is right."""
    await fill(log, serving, unique)
    async with following(stack.stream_url, views_of(unique, f"{unique}-u0")) as followers:
        await log.append([ChannelDeleted(unique, now_ms())])
        await wait_until_async(lambda: recounting(serving), what="counts that follow")
        users_left = (await serving.windows()).stand.totals.users
        await asyncio.sleep(0.01)  # both clocks have to be later than the deletion's
        again = [
            MessagePosted(unique, f"again-{n}", f"{unique}-u{n}", "again", now_ms()) for n in (0, USERS // 2, USERS - 1)
        ]
        await log.append(again)

        async def served() -> bool:
            (row,) = (await serving.names("channels", [unique]))[1]
            return row is not None and row.messages == len(again)

        await wait_until_async(served, what="what is posted after the deletion")
        assert users_left > USERS / 10, "this looked when all counts had followed already"
        await wait_until_async(lambda: settled(serving), FOLDED_S, "all counts at the log's end")
        await assert_equal_to_the_log(stack)
        await followers.agree_with_a_new_client()
        assert followers.reasons <= {"start", "behind", "epoch"}


async def test_a_projector_that_dies_between_the_steps_goes_on_where_it_was(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    await fill(log, serving, unique)
    await log.append([ChannelDeleted(unique, now_ms())])
    await wait_until_async(lambda: recounting(serving), what="counts that follow")
    stack.kill("projector")
    await wait_until_async(lambda: settled(serving), FOLDED_S, "all counts at the log's end")
    await assert_equal_to_the_log(stack)


async def test_no_frame_is_much_longer_than_the_view(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str
) -> None:
    """Each step changes thousands of rows: whoever watches users is told those that the view holds."""
    await fill(log, serving, unique)
    told: list[int] = []

    class Counting(FoldingClient):
        def apply(self, event: str, data: dict[str, Any]) -> None:
            removed = data.get("removed", {})
            told.append(len(data.get("users", [])) + sum(map(len, removed.values())))
            super().apply(event, data)

    async with following(stack.stream_url, [View(ViewKind.USERS), View(ViewKind.HOME)]) as followers:
        for follower in followers.all:
            for view in follower.views.values():
                view.shown.__class__ = Counting
        await log.append([ChannelDeleted(unique, now_ms())])
        await wait_until_async(lambda: recounting(serving), what="counts that follow")
        await wait_until_async(lambda: settled(serving), FOLDED_S, "all counts at the log's end")
        await followers.agree_with_a_new_client()
        assert "behind" in followers.reasons
    assert told
    assert max(told) <= ROWS_AT_MOST
