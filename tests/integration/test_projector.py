"""The projector as a process, on real servers: what it folds is what the log says, whatever happens on the way."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from livestream.events import (
    DEAD_LETTER_TOPIC,
    MESSAGES_TOPIC,
    ChannelDeleted,
    MessagePosted,
    UserDeleted,
)
from livestream.frames import LIMITS
from livestream.partitioning import partition_of
from livestream.serving import DeltaLog, ServingCopy
from livestream.times import now_ms
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import CATCH_UP_S, PARTITIONS, caught_up, messages
from tests.support.waiting import wait_until_async

LARGEST_WINDOW = max(limits.messages for limits in LIMITS.values())
FEW_MESSAGES = 400  # serving.lua's: below it the newest messages are filled again


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector"]) as running:
        yield running


async def assert_serves_the_log(log: KafkaLog, serving: ServingCopy) -> None:
    model, windows, _ = await caught_up(log, serving)
    totals = windows.stand.totals
    assert (totals.messages, totals.channels, totals.users) == model.totals
    assert {r.name: (r.messages, r.last_ms) for r in windows.channels} == tallies(model.channels)
    assert {r.name: (r.messages, r.last_ms) for r in windows.users} == tallies(model.users)
    assert len(windows.messages) >= min(model.totals[0], LARGEST_WINDOW)
    assert [row.order for row in windows.messages] == [m.order for m in model.newest(len(windows.messages))]


def tallies(rows: object) -> dict[str, tuple[int, int]]:
    return {name: (tally.messages, tally.last_ms) for name, tally in rows.items()}  # type: ignore[attr-defined]


async def filled(serving: ServingCopy) -> bool:
    windows = await serving.windows(messages=1_000)
    return len(windows.messages) >= min(windows.stand.totals.messages, FEW_MESSAGES)


async def test_what_cannot_be_folded_becomes_a_dead_letter_and_its_neighbours_proceed(
    log: KafkaLog, serving: ServingCopy
) -> None:
    right = partition_of("dead", PARTITIONS)
    wrong = (right + 1) % PARTITIONS
    post = MessagePosted("dead", "1", "ann", "first", now_ms())
    await log.append([post])
    as_json = {"channel": "dead", "user": "ann", "text": "x", "id": "2", "ts": "2026-01-01T00:00:00Z"}
    refused = {
        "bad-json": (b"{nope", right),
        "invalid": (json.dumps(as_json | {"text": "x" * 1_000_000}).encode(), right),  # as large as a record can be
        "unknown-type": (json.dumps(as_json | {"type": "what"}).encode(), right),
        "wrong-topic": (json.dumps({"type": "user.deleted", "user": "ann", "ts": as_json["ts"]}).encode(), right),
        "wrong-partition": (json.dumps(as_json).encode(), wrong),
        "future-ts": (json.dumps(as_json | {"ts": "2099-01-01T00:00:00Z"}).encode(), right),
        "conflict": (json.dumps(as_json | {"id": "1", "text": "second"}).encode(), right),
        "unknown-message": (json.dumps(as_json | {"type": "message.edited", "id": "9"}).encode(), right),
    }
    offsets = {
        reason: (partition, await log.append_raw(value, partition)) for reason, (value, partition) in refused.items()
    }
    await log.append([MessagePosted("dead", "3", "ann", "last", now_ms())])
    await assert_serves_the_log(log, serving)
    letters = {dict(r.headers)["dead-letter-reason"].decode(): r for r in await log.read(DEAD_LETTER_TOPIC)}
    for reason, (value, _) in refused.items():
        headers = dict(letters[reason].headers)
        assert letters[reason].value == value
        found = (int(headers["dead-letter-partition"]), int(headers["dead-letter-offset"]))
        assert (headers["dead-letter-topic"], found) == (MESSAGES_TOPIC.encode(), offsets[reason])


async def test_deletions_of_names_reach_every_partition(log: KafkaLog, serving: ServingCopy) -> None:
    random = Random(2)
    await log.append(messages(random, 1_000, "gone"))
    await log.append([UserDeleted("gone-u1", now_ms()), ChannelDeleted("gone-3", now_ms())])
    await assert_serves_the_log(log, serving)
    await log.append([MessagePosted("gone-3", "again", "gone-u1", "anew", now_ms() + 1)])
    await assert_serves_the_log(log, serving)
    _, [row] = await serving.names("users", ["gone-u1"])
    assert row is not None
    assert row.messages == 1


async def test_a_deleted_user_s_text_goes_from_the_retained_deltas_too(
    redis: Redis, log: KafkaLog, serving: ServingCopy
) -> None:
    await wait_until_async(lambda: filled(serving), CATCH_UP_S, "an epoch that no earlier deletion has worn")
    await log.append([MessagePosted("erased", "1", "erased-user", "never to be seen again", now_ms())])
    _, windows, _ = await caught_up(log, serving)

    async def retained() -> bool:
        cursor = (await serving.status()).cursor
        entries: Any = await redis.xrange(f"{{livestream}}:{cursor.epoch}:deltas") if cursor else []
        return any(b"never to be seen again" in fields[b"batch"] for _, fields in entries)

    async def erased() -> bool:
        return not await retained()

    await wait_until_async(retained, CATCH_UP_S, "a delta with the text")
    await log.append([UserDeleted("erased-user", now_ms())])
    await wait_until_async(erased, CATCH_UP_S, "a delta log without the text")
    before = DeltaLog(redis, windows.stand.cursor.epoch)
    # Where an earlier deletion has worn its epoch, that may have ended meanwhile.
    assert await before.first_sequence() is None or not await before.retains(windows.stand.cursor)


async def test_the_newest_messages_are_filled_again_when_most_of_them_were_deleted(
    log: KafkaLog, serving: ServingCopy
) -> None:
    await log.append([MessagePosted("crowd", str(n), "crowd-user", "many", now_ms()) for n in range(900)])
    await assert_serves_the_log(log, serving)
    await log.append([ChannelDeleted("crowd", now_ms())])
    _, windows, _ = await caught_up(log, serving)
    assert windows.stand.totals.messages > LARGEST_WINDOW, "there is something to fill it with"
    await wait_until_async(lambda: filled(serving), CATCH_UP_S, "full windows")
    await assert_serves_the_log(log, serving)


async def test_deltas_are_numbered_without_gaps_and_continue_one_another(
    redis: Redis, log: KafkaLog, serving: ServingCopy
) -> None:
    await log.append(messages(Random(6), 1_000, "numbered"))
    _, windows, _ = await caught_up(log, serving)
    epoch, last = windows.stand.cursor
    first = await DeltaLog(redis, epoch).first_sequence()
    assert first is not None
    sequences = [delta.sequence async for delta in DeltaLog(redis, epoch).between(first - 1, last)]
    assert sequences == list(range(first, last + 1))
