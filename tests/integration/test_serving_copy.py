"""The serving copy by itself, on a real server: what its newest messages are, beyond what fits."""

from collections.abc import AsyncIterator
from random import Random

import pytest

from livestream.clients import redis_client
from livestream.cursor import new_epoch
from livestream.deltas import Batch, MessageRow, NameRow, PositionStep, RemovedMessage, encode_batch, member_of
from livestream.serving import KEPT_MESSAGES, NoEpochError, PublishOutcome, ServingCopy


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    yield ServingCopy(client)
    await client.aclose()


async def begin(serving: ServingCopy) -> None:
    held = (await serving.status()).cursor
    positions = [(0, 0, 0, 0, 0, 0, 0)]
    assert await serving.switch(new_epoch(), 1, 1, positions, replaces=held.epoch if held else "", staged=0)


async def test_an_epoch_that_was_lost_in_part_is_not_switched_to(serving: ServingCopy) -> None:
    """Emptied between two calls of a loader, Redis would show what came after that and call it everything."""
    for forget in (serving.redis.flushall, serving.redis.ping):
        epoch = new_epoch()
        await serving.redis.flushall()
        await serving.stage(epoch, "messages", [row(0, 0)])
        await forget()
        await serving.stage(epoch, "channels", [NameRow("c", "", 1, 0)])
        switched = await serving.switch(epoch, 1, 1, [(0, 1, 0, 1, 1, 0, 0)], replaces="", staged=2)
        assert switched is (forget == serving.redis.ping)
        assert ((await serving.status()).cursor is not None) is switched


def row(offset: int, ts_ms: int) -> MessageRow:
    return MessageRow(ts_ms, member_of("c", offset), ts_ms, "u", "c", str(offset), f'"{offset}"')


class Publisher:
    """Publishes messages and removals as one partition's fold does; knows what should be visible."""

    def __init__(self, serving: ServingCopy) -> None:
        self._serving = serving
        self._offset = 0
        self.visible: dict[str, MessageRow] = {}

    async def publish(self, rows: list[MessageRow], removed: list[MessageRow]) -> PublishOutcome:
        self.visible = {key: r for key, r in self.visible.items() if r not in removed} | {r.id: r for r in rows}
        step = PositionStep(0, self._offset, self._offset + 1, 0, 0, len(self.visible), 1)
        self._offset += 1
        gone = [RemovedMessage(r.channel, r.id, r.user, r.member) for r in removed]
        outcome, _ = await self._serving.publish(encode_batch(Batch([step], rows, gone, [], [], [], [])), 1)
        return outcome

    def newest(self) -> list[MessageRow]:
        return sorted(self.visible.values(), key=lambda r: (r.ts_ms, r.member))


async def test_the_newest_messages_are_without_gaps_after_removals_and_late_arrivals(serving: ServingCopy) -> None:
    """A late message that is older than what was cut away once must not stand beside what is newer than that."""
    await begin(serving)
    random, publisher, offset = Random(1), Publisher(serving), 0
    outcomes = set()
    for _ in range(60):
        rows = [row(offset + n, random.randrange(100_000)) for n in range(60)]
        offset += len(rows)
        visible = publisher.newest()
        removed = random.sample(visible[-500:], 40) if len(visible) > 500 else []
        outcomes.add(await publisher.publish(rows, removed))
        held = (await serving.windows(messages=2 * KEPT_MESSAGES)).messages
        assert held == publisher.newest()[-len(held) :]
    assert outcomes == {PublishOutcome.OK}


async def test_it_says_when_too_few_are_left(serving: ServingCopy) -> None:
    await begin(serving)
    publisher = Publisher(serving)
    rows = [row(offset, offset) for offset in range(KEPT_MESSAGES + 50)]
    assert await publisher.publish(rows, []) is PublishOutcome.OK
    assert await publisher.publish([], rows[-500:]) is PublishOutcome.OK
    assert await publisher.publish([], rows[-700:-500]) is PublishOutcome.FEW
    held = (await serving.windows(messages=KEPT_MESSAGES)).messages
    assert held == publisher.newest()[-len(held) :]


async def test_a_window_that_may_lack_messages_is_not_told(serving: ServingCopy) -> None:
    """Most of the newest are removed, and older ones are in Postgres only: a page must not show too few."""
    await begin(serving)
    publisher = Publisher(serving)
    rows = [row(offset, offset) for offset in range(KEPT_MESSAGES + 50)]
    assert await publisher.publish(rows, []) is PublishOutcome.OK
    assert not (await serving.status()).is_worn
    assert await publisher.publish([], rows[100:]) is PublishOutcome.FEW
    assert (await serving.status()).is_worn
    with pytest.raises(NoEpochError):
        await serving.windows(messages=200)
    assert len((await serving.windows(messages=50)).messages) == 50


async def test_few_messages_are_enough_where_there_never_were_more(serving: ServingCopy) -> None:
    await begin(serving)
    publisher = Publisher(serving)
    rows = [row(offset, offset) for offset in range(20)]
    assert await publisher.publish(rows, []) is PublishOutcome.OK
    assert await publisher.publish([], rows[:10]) is PublishOutcome.OK
