"""How many messages came lately, as the serving copy counts it: each once, and for good."""

from collections.abc import AsyncIterator

import pytest

from livestream.clients import redis_client
from livestream.cursor import new_epoch
from livestream.deltas import Batch, MessageRow, PositionStep, RemovedMessage, encode_batch, member_of
from livestream.serving import NoEpochError, PublishOutcome, ServingCopy


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    await client.flushall()
    yield ServingCopy(client)
    await client.aclose()


async def begin(serving: ServingCopy, messages: int = 0, offset: int = 0) -> None:
    held = (await serving.status()).cursor
    positions = [(0, offset, 0, messages, 0, 0, 0)]
    assert await serving.switch(new_epoch(), 1, 1, positions, replaces=held.epoch if held else "", staged=0)


async def publish(serving: ServingCopy, offset: int, total: int, *, removed: int = 0) -> None:
    """One batch of one record, after which `total` messages are visible."""
    step = PositionStep(0, offset, offset + 1, 0, 0, total, 1)
    row = MessageRow(offset, member_of("c", offset), offset, "u", "c", str(offset), "{}")
    gone = [RemovedMessage("c", str(number), "u", member_of("c", number)) for number in range(removed)]
    outcome, _ = await serving.publish(encode_batch(Batch([step], [row], gone, [], [], [], [])), 1)
    assert outcome is PublishOutcome.OK


async def came(serving: ServingCopy) -> int:
    return sum((await serving.activity()).counts.values())


async def test_what_came_is_counted_once_and_deletions_take_nothing_back(serving: ServingCopy) -> None:
    await begin(serving)
    await publish(serving, 0, 5)
    await publish(serving, 1, 2, removed=3)
    await publish(serving, 2, 9)
    activity = await serving.activity()
    assert sum(activity.counts.values()) == 12
    assert activity.messages == 9
    newest = activity.now_ms // activity.step_ms
    assert newest - 12 <= min(activity.counts) <= max(activity.counts) <= newest


async def test_what_an_epoch_begins_with_came_before(serving: ServingCopy) -> None:
    await begin(serving, messages=1_000)
    assert (await serving.activity()).counts == {}
    await publish(serving, 0, 1_001)
    assert await came(serving) == 1


async def test_a_quiet_step_is_known_by_the_projectors_reports(serving: ServingCopy) -> None:
    await begin(serving)
    assert await serving.report([])
    assert list((await serving.activity()).counts.values()) == [0]


async def test_another_epoch_knows_what_came_before_it(serving: ServingCopy) -> None:
    await begin(serving)
    await publish(serving, 0, 5)
    await begin(serving, messages=8, offset=1)
    assert await came(serving) == 5
    await publish(serving, 1, 9)
    assert await came(serving) == 6


async def test_what_came_long_ago_is_forgotten(serving: ServingCopy) -> None:
    await begin(serving)
    await publish(serving, 0, 5)
    activity, epoch = await serving.activity(), (await serving.status()).cursor
    assert epoch
    newest = activity.now_ms // activity.step_ms
    key = f"{{livestream}}:{epoch.epoch}:activity"
    await serving.redis.hset(key, mapping={str(newest - 120): 1, str(newest - 140): 1})
    await serving.report([])
    steps = (await serving.activity()).counts
    assert newest - 120 in steps
    assert newest - 140 not in steps


async def test_without_an_epoch_nothing_is_known(serving: ServingCopy) -> None:
    with pytest.raises(NoEpochError):
        await serving.activity()
