"""History that is dropped from a running stack: counts stay, on pages, in a verification, and through a rebuild."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.client import AIOKafkaClient

from livestream.events import (
    DEAD_LETTER_TOPIC,
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    UserDeleted,
    encode_event,
)
from livestream.frames import View, ViewKind
from livestream.partitioning import partition_of
from livestream.retention import DAY_MS
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream.topic_configs import alter_topic
from tests.support.followers import Followers, following
from tests.support.kafka_log import KafkaLog
from tests.support.rebuilding import rebuild
from tests.support.shown import rows_of
from tests.support.stacks import RunningStack, StartStack
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async

# The dropper looks every twenty seconds.
DROP_S = 90
FOLDED_S = 60


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack({"RETENTION_DAYS": "1"}, only=["projector", "gateway"]) as running:
        yield running


@asynccontextmanager
async def backdating(stack: RunningStack) -> AsyncIterator[None]:
    """Meanwhile the log takes append times as producers give them: three days pass in a moment."""
    await _set_timestamp_type(stack, "CreateTime")
    yield
    await _set_timestamp_type(stack, "LogAppendTime")


async def _set_timestamp_type(stack: RunningStack, kind: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await client.bootstrap()
    try:
        for topic in (MESSAGES_TOPIC, USERS_TOPIC):
            await alter_topic(client, topic, {"message.timestamp.type": kind})
    finally:
        await client.close()


def three_days(random: Random) -> Iterator[tuple[Event, int]]:
    """Events with their append times: posts, repeats of them, and what deletes some while they are kept."""
    start_ms = now_ms() - 3 * DAY_MS
    posts: list[MessagePosted] = []
    for number in range(720):
        at_ms = start_ms + number * 6 * 60_000
        channel, user = f"c{random.randrange(8)}", f"u{random.randrange(20)}"
        post = MessagePosted(channel, str(number), user, f"text {number}", at_ms)
        posts.append(post)
        yield post, at_ms
        recent = random.choice(posts[-100:])
        match random.randrange(12):
            case 0 | 1:
                yield recent, at_ms
            case 2:
                yield MessageEdited(recent.channel, recent.id, "edited", at_ms), at_ms
            case 3:
                yield MessageDeleted(recent.channel, recent.id, at_ms), at_ms
        if number == 300:
            yield UserDeleted("u3", at_ms), at_ms
            yield ChannelDeleted("c3", at_ms), at_ms


@pytest.fixture
async def postgres(stack: RunningStack) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(stack.database_url, min_size=1) as pool:
        yield pool


async def live_rows(postgres: asyncpg.Pool) -> dict[str, Any]:
    return await rows_of(postgres, await postgres.fetchval("SELECT generation FROM generations WHERE state = 'live'"))


async def baselines(postgres: asyncpg.Pool) -> dict[int, tuple[int, int]]:
    """Partition → where its baseline ends, and before which append time everything has gone."""
    rows = await postgres.fetch(
        "SELECT partition, baseline_offset, dropped_before_ms FROM partitions JOIN generations USING (generation)"
        " WHERE state = 'live'"
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def dropped_everywhere(postgres: asyncpg.Pool) -> None:
    async def gone() -> bool:
        return all(before_ms > now_ms() - 2 * DAY_MS for _, before_ms in (await baselines(postgres)).values())

    await wait_until_async(gone, DROP_S, "history that is dropped in every partition")


async def forget_segments(stack: RunningStack, postgres: asyncpg.Pool) -> None:
    """Let Kafka drop what it need not keep: all before the baselines, and every user deletion so far."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        ends = {TopicPartition(MESSAGES_TOPIC, p): offset for p, (offset, _) in (await baselines(postgres)).items()}
        users_end = await postgres.fetchval("SELECT max(users_offset) FROM partitions")
        ends[TopicPartition(USERS_TOPIC, 0)] = users_end
        await admin.delete_records({tp: RecordsToDelete(before_offset=offset) for tp, offset in ends.items() if offset})
    finally:
        await admin.close()
    assert sum(ends.values()) > 100, "nothing was dropped: this says nothing"


async def folded(serving: ServingCopy, log: KafkaLog) -> None:
    ends = await log.ends(MESSAGES_TOPIC)

    async def reached() -> bool:
        positions = (await serving.windows()).stand.positions
        return all(positions[partition][0] == end for partition, end in ends.items())

    await wait_until_async(reached, FOLDED_S, "a fold at the log's end")


def counts_of(rows: dict[str, Any]) -> dict[str, Any]:
    return {kind: rows[kind] for kind in ("pairs", "channels", "users", "totals")}


async def test_history_goes_and_counts_stay(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, postgres: asyncpg.Pool
) -> None:
    """On pages, in a verification, and through a rebuild for which Kafka has only the newer half of the log."""
    history = list(three_days(Random(5)))
    dropped_post = next(event for event, _ in history if isinstance(event, MessagePosted) and event.channel == "c1")
    views = [View(ViewKind.HOME), View(ViewKind.CHANNEL, dropped_post.channel)]
    async with following(stack.stream_url, views) as followers, backdating(stack):
        await log.append_at(history)
        await folded(serving, log)
        counted = counts_of(await live_rows(postgres))
        await dropped_everywhere(postgres)
        kept = await live_rows(postgres)
        assert counts_of(kept) == counted
        assert 0 < len(kept["messages"]) < sum(messages for messages, _ in kept["totals"].values()) / 2
        await wait_until_async(lambda: _told(followers), DROP_S, "clients that begin anew, without what is gone")
        await followers.agree_with_a_new_client()
    await assert_equal_to_the_log(stack)

    await forget_segments(stack, postgres)
    await assert_equal_to_the_log(stack)
    await rebuild(stack)
    assert await live_rows(postgres) == kept
    await assert_equal_to_the_log(stack)

    await log.append([dropped_post])
    await folded(serving, log)
    assert counts_of(await live_rows(postgres)) == counted, "a repeat of what was dropped is too old"

    await log.append([UserDeleted(dropped_post.user, now_ms()), ChannelDeleted("c2", now_ms())])
    await folded(serving, log)

    async def gone() -> bool:
        rows = await live_rows(postgres)
        return dropped_post.user not in rows["users"] and "c2" not in rows["channels"]

    await wait_until_async(gone, FOLDED_S, "a user and a channel that are gone, with all that was dropped")
    await assert_equal_to_the_log(stack)
    before = await live_rows(postgres)
    await rebuild(stack)
    assert await live_rows(postgres) == before
    stack.restart("projector")
    await assert_equal_to_the_log(stack)


async def _told(followers: Followers) -> bool:
    followers.check()
    return "epoch" in followers.reasons


async def test_what_is_too_old_becomes_a_dead_letter(log: KafkaLog, serving: ServingCopy) -> None:
    old = MessagePosted("too-old", "1", "ann", "from two days ago", now_ms() - 2 * DAY_MS)
    await log.append([old, MessagePosted("too-old", "2", "ann", "from now", now_ms())])
    await folded(serving, log)
    _, (row,) = await serving.names("channels", ["too-old"])
    assert row is not None
    assert row.messages == 1
    letters = [record for record in await log.read(DEAD_LETTER_TOPIC) if (record.value or b"").find(b"two days") >= 0]
    assert [dict(letter.headers)["dead-letter-reason"] for letter in letters] == [b"too-old"]


async def test_markers_of_transactions_that_kafka_has_dropped_are_missed_by_nobody(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, postgres: asyncpg.Pool
) -> None:
    """A quiet partition that ends with one, and quiet deletions of users: they begin behind the last record then."""
    partition = partition_of("marked", log.partitions)
    post, deletion = MessagePosted("marked", "1", "ann", "text", now_ms()), UserDeleted("nobody", now_ms())
    options = {"bootstrap_servers": stack.kafka_bootstrap_servers, "transactional_id": "marked"}
    async with AIOKafkaProducer(**options) as producer, producer.transaction():
        await producer.send_and_wait(MESSAGES_TOPIC, encode_event(post), partition=partition)
        await producer.send_and_wait(USERS_TOPIC, encode_event(deletion), partition=0)
    end, users_end = (await log.ends(MESSAGES_TOPIC))[partition], (await log.ends(USERS_TOPIC))[0]

    async def passed() -> bool:
        at = "SELECT min(users_passed_offset), max(passed_offset) FILTER (WHERE partition = $1) FROM partitions"
        row: Any = await postgres.fetchrow(at, partition)
        return tuple(row) == (users_end, end)

    await wait_until_async(passed, DROP_S, "markers that are passed")
    await asyncio.to_thread(stack.stop, "projector")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    everything = [TopicPartition(MESSAGES_TOPIC, partition), TopicPartition(USERS_TOPIC, 0)]
    await admin.delete_records({tp: RecordsToDelete(-1) for tp in everything})
    await admin.close()
    await asyncio.to_thread(stack.start, "projector")
    await log.append([MessagePosted("marked", "2", "ann", "text", now_ms()), UserDeleted("nobody", now_ms())])
    await folded(serving, log)
    _, (row,) = await serving.names("channels", ["marked"])
    assert row is not None
    assert row.messages == 2
