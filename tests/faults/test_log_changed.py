"""A log that is not the one that was folded: the projector stops and says what to do, and never jumps over a gap."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from livestream.clients import redis_client
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, MessagePosted, UserDeleted
from livestream.partitioning import partition_of
from livestream.retries import until_it_works
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream.topics import TopicSettings, ensure_topics
from livestream_local.ports import free_ports
from tests.support.invariants import RECOVERY_S, live_rows
from tests.support.kafka_log import KafkaLog, kafka_log
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import PARTITIONS, caught_up
from tests.support.waiting import wait_until, wait_until_async


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector"]) as running:
        yield running


def one_channel_a_partition() -> list[str]:
    names = {partition_of(name, PARTITIONS): name for name in (f"part-{number}" for number in range(1_000))}
    return [names[partition] for partition in range(PARTITIONS)]


async def append_to_all(log: KafkaLog, count: int, text: str) -> None:
    for channel in one_channel_a_partition():
        await log.append([MessagePosted(channel, f"{text} {n}", "ann", text, now_ms()) for n in range(count)])


@asynccontextmanager
async def admin_client(stack: RunningStack) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def drop_records(stack: RunningStack, topic: str, partitions: int) -> None:
    """All that are there, as retention would."""
    async with admin_client(stack) as admin:
        everything = {TopicPartition(topic, each): RecordsToDelete(-1) for each in range(partitions)}
        await admin.delete_records(everything)


async def make_anew(stack: RunningStack, topic: str) -> None:
    async with admin_client(stack) as admin:
        await admin.delete_topics([topic])

        async def is_gone() -> bool:
            return topic not in await admin.list_topics()

        await wait_until_async(is_gone, what="the end of the topic")
    make = partial(ensure_topics, stack.kafka_bootstrap_servers, TopicSettings(PARTITIONS, 1, None))
    await until_it_works("make_anew", make, (KafkaError,))


async def run_projector(stack: RunningStack) -> tuple[int | None, str]:
    """Beside the stack's, which is stopped; returns its status and what it said."""
    environment = {**stack.servers.environment, "PORT": str(free_ports().projector)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "livestream_projector", env=os.environ | environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), RECOVERY_S)
    except TimeoutError:
        process.kill()
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def assert_it_stops(stack: RunningStack, said: str) -> None:
    status, words = await run_projector(stack)
    assert status == 1, words
    assert said in words, words[-6000:]
    assert "Nothing was folded or changed" in words


async def delete_users(log: KafkaLog, count: int) -> None:
    await log.append([UserDeleted(f"user {number} of {count}", now_ms()) for number in range(count)])


async def test_it_stops_where_the_log_is_not_the_one_that_was_folded(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy
) -> None:
    """Its records dropped before they were folded; made anew and shorter; made anew and longer."""
    await append_to_all(log, 3, "of this log")
    await delete_users(log, 2)
    await caught_up(log, serving)
    await asyncio.to_thread(stack.stop, "projector")
    before, position = await live_rows(stack), (await serving.status()).cursor

    await make_anew(stack, USERS_TOPIC)
    for count, said in ((1, f"{USERS_TOPIC}/0 ends at offset 1"), (3, f"{USERS_TOPIC}/0/1 is not the record")):
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as made_anew:
            await delete_users(made_anew, count)
        await assert_it_stops(stack, said)

    await append_to_all(log, 2, "never folded")
    await drop_records(stack, MESSAGES_TOPIC, PARTITIONS)
    await assert_it_stops(stack, "records were dropped before they were folded")

    await make_anew(stack, MESSAGES_TOPIC)
    for length, said in ((1, "its tail is gone"), (10, "this is another log")):
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as made_anew:
            await append_to_all(made_anew, length, f"of another log {length}")
        await assert_it_stops(stack, said)
    assert (await live_rows(stack), (await serving.status()).cursor) == (before, position)


async def test_it_stops_where_the_log_is_made_anew_below_it(start_stack: StartStack) -> None:
    """It runs, and lets nobody believe that all is well."""
    with start_stack(only=["projector"]) as stack:
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log, redis_of(stack) as redis:
            await append_to_all(log, 3, "of this log")
            await caught_up(log, ServingCopy(redis))
        before, pid = await live_rows(stack), stack.services.pid("projector")
        await make_anew(stack, MESSAGES_TOPIC)
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as made_anew:
            await append_to_all(made_anew, 10, "of another log")
        await asyncio.to_thread(wait_until, lambda: stack.services.pid("projector") != pid, RECOVERY_S, "its end")
        assert "this is another log" in stack.log("projector")
        assert await live_rows(stack) == before


@asynccontextmanager
async def redis_of(stack: RunningStack) -> AsyncIterator[Redis]:
    client = redis_client(stack.redis_url)
    try:
        yield client
    finally:
        await client.aclose()
