"""`./live copy-log`: a log with more partitions says the same as the one that it was made of."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition

from livestream.events import MESSAGES_TOPIC, ChannelDeleted, UserDeleted
from livestream.kafka import AIOKafkaConsumer
from livestream.partitioning import partition_of
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream.topics import TopicSettings, ensure_topics
from tests.support.kafka_log import KafkaLog
from tests.support.launcher_commands import run_command
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import PARTITIONS, caught_up, messages
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async

MORE = 30
FOLDED_S = 60
# All that is kept of a message, but for where on the log it stood.
_MESSAGES = """
SELECT channel, id, username, ts_ms, append_ms, kept_ms, posted, deleted, visible, text, edited_ts_ms
FROM messages ORDER BY channel, id
"""
_CHANNELS = "SELECT channel, messages, last_ms, deleted_ms FROM channels ORDER BY channel"
# What is counted in no partition any more keeps some time there.
_USERS = """
SELECT username, sum(messages), max(last_ms) FILTER (WHERE messages > 0)
FROM partition_users GROUP BY username ORDER BY username
"""


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector"]) as running:
        yield running


@pytest.fixture
def wider(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack({"MESSAGES_PARTITIONS": str(MORE)}, only=["projector", "gateway"]) as running:
        yield running


async def rows_of(stack: RunningStack) -> list[list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        return [[tuple(row) for row in await connection.fetch(query)] for query in (_MESSAGES, _CHANNELS, _USERS)]
    finally:
        await connection.close()


async def ends_of(stack: RunningStack, partitions: int) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka_bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(MESSAGES_TOPIC, number) for number in range(partitions)])
        return list(ends.values())
    finally:
        await consumer.stop()


async def fill(log: KafkaLog, unique: str) -> None:
    """With everything that is a message, was one, or never was."""
    posts = messages(Random(7), 300, unique)
    await log.append(posts[:200])
    await log.append([UserDeleted(f"{unique}-u1", now_ms()), ChannelDeleted(f"{unique}-2", now_ms())])
    await log.append([*posts[200:], *posts[:20]])
    await log.append_raw(b"no JSON", 3)
    strange = b'{"id":"1","channel":"strange","user":"ann","text":"in the wrong partition","ts":"2026-01-02T03:04:05Z"}'
    await log.append_raw(strange, (partition_of("strange", PARTITIONS) + 1) % PARTITIONS)


async def test_a_log_of_more_partitions_says_the_same(
    stack: RunningStack, wider: RunningStack, log: KafkaLog, serving: ServingCopy, unique: str, tmp_path: Path
) -> None:
    await fill(log, unique)
    await caught_up(log, serving)
    finished = await run_command(stack, tmp_path, "copy-log", "--to", wider.kafka_bootstrap_servers)
    assert finished.status == 0, finished.errors
    in_wrong_partition, user_deletions = 1, 1
    messages_copied = sum(await ends_of(wider, MORE))
    assert messages_copied == sum(await ends_of(stack, PARTITIONS)) - in_wrong_partition
    assert f"{messages_copied + user_deletions:,} records are at" in finished.output
    assert "1 were left out" in finished.output

    expected = await rows_of(stack)

    async def is_the_same() -> bool:
        return await rows_of(wider) == expected

    await wait_until_async(is_the_same, FOLDED_S, "the same rows")
    await assert_equal_to_the_log(wider)
    # Append times are the broker's again: what is not, services refuse.
    assert await ensure_topics(wider.kafka_bootstrap_servers, TopicSettings()) == MORE

    again = await run_command(stack, tmp_path, "copy-log", "--to", wider.kafka_bootstrap_servers)
    assert again.status == 1
    assert "hold records already" in again.errors
