"""`./live verify` finds equal what is equal, also while it moves, and names what is not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from livestream.clients import redis_client
from livestream.deltas import NameRow
from livestream.events import (
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
from livestream.partitioning import partition_of
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_auditor.verify.durable_model import open_durable_model
from livestream_auditor.verify.findings import CouldNotRunError, Findings
from livestream_auditor.verify.verification import verify
from tests.support.kafka_log import KafkaLog
from tests.support.launcher_commands import run_command
from tests.support.stacks import RunningStack, StartStack
from tests.support.verifying import assert_equal_to_the_log
from tests.support.waiting import wait_until_async

PARTITIONS = 12
# What flows meanwhile is not more than the projector folds: a verification waits for what was there when it began.
FLOW_PAUSE_S = 0.1
VERIFIED_S = 60


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["ingest", "projector", "gateway"]) as running:
        yield running


async def run(stack: RunningStack, data: Path) -> tuple[int, str]:
    """The command itself, in a process of its own; its status and what it said."""
    finished = await run_command(stack, data, "verify")
    return finished.status, finished.output + finished.errors


def events(random: Random, prefix: str, count: int) -> list[Event]:
    """Everything that can stand on the log, over a few channels and users, with repeats and conflicts."""
    made: list[Event] = []
    for _ in range(count):
        channel, user = f"{prefix}-{random.randrange(12)}", f"{prefix} ü{random.randrange(20)}"
        id_, ts_ms = str(random.randrange(count // 3)), now_ms() - random.randrange(60_000)
        text, label = random.choice(("a", "b", "ünï")), random.choice((None, None, "One", "Two"))
        kind = random.random()
        if kind < 0.8:
            ahead_ms = random.choices((0, 400_000), (99, 1))[0]
            made.append(MessagePosted(channel, id_, user, text, ts_ms + ahead_ms, label, label))
        elif kind < 0.9:
            made.append(MessageEdited(channel, id_, text + "!", ts_ms))
        elif kind < 0.985:
            made.append(MessageDeleted(channel, id_, ts_ms))
        elif kind < 0.995:
            made.append(ChannelDeleted(channel, ts_ms))
        else:
            made.append(UserDeleted(user, ts_ms))
    return made


async def test_all_kinds_of_events_come_out_equal(
    stack: RunningStack, log: KafkaLog, tmp_path: Path, unique: str
) -> None:
    await log.append(events(Random(1), unique, 2000))
    await log.append_raw(b"{", partition=3)
    status, output = await run(stack, tmp_path)
    assert status == 0, output
    assert "Everything is equal" in output
    assert "bad-json" in output


async def test_what_is_not_folded_is_a_difference(
    stack: RunningStack, log: KafkaLog, tmp_path: Path, unique: str
) -> None:
    """A projector that does not run leaves everything else equal."""
    await asyncio.to_thread(stack.stop, "projector")
    await log.append([MessagePosted(unique, "1", "ann", "not folded", now_ms())])
    status, output = await run(stack, tmp_path)
    assert status == 1, output
    assert "folded up to" in output
    await asyncio.to_thread(stack.start, "projector")
    status, output = await run(stack, tmp_path)
    assert status == 0, output


async def test_markers_of_transactions_at_the_logs_end_are_no_difference(
    stack: RunningStack, log: KafkaLog, unique: str
) -> None:
    """They take places on both topics that nobody ever folds."""
    await log.append([MessagePosted(unique, "1", "bob", "stays", now_ms())])
    post = MessagePosted(unique, "2", "ann", "goes", now_ms())
    options = {"bootstrap_servers": stack.kafka_bootstrap_servers, "transactional_id": unique}
    async with AIOKafkaProducer(**options) as producer, producer.transaction():
        partition = partition_of(unique, log.partitions)
        await producer.send_and_wait(MESSAGES_TOPIC, encode_event(post), partition=partition)
        await producer.send_and_wait(USERS_TOPIC, encode_event(UserDeleted("ann", now_ms())), partition=0)
    await assert_equal_to_the_log(stack)


async def test_what_moves_while_it_is_compared_comes_out_equal(stack: RunningStack, log: KafkaLog, unique: str) -> None:
    async with _flowing(log, unique):
        for _ in range(3):
            findings = Findings()
            await verify(stack.addresses, findings, lambda _read, _all: None)
            assert findings.equal, {section.name: section.differences for section in findings.sections}
            assert all(section.compared.total() > 100 for section in findings.sections if section.name != "Log")


@asynccontextmanager
async def _flowing(log: KafkaLog, unique: str) -> AsyncIterator[None]:
    """Messages come in meanwhile."""

    async def flow() -> None:
        random = Random(2)
        while True:
            await log.append(events(random, unique, 20))
            await asyncio.sleep(FLOW_PAUSE_S)

    flowing = asyncio.create_task(flow())
    try:
        yield
    finally:
        flowing.cancel()
        await asyncio.gather(flowing, return_exceptions=True)


@asynccontextmanager
async def _database(stack: RunningStack) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        yield connection
    finally:
        await connection.close()


async def _post(stack: RunningStack, log: KafkaLog, channel: str, count: int) -> None:
    """Messages that are in Postgres and Redis when it returns."""
    await log.append([MessagePosted(channel, str(n), "somebody", f"text {n}", now_ms()) for n in range(count)])
    redis = redis_client(stack.redis_url)

    async def counted() -> bool:
        _, rows = await ServingCopy(redis).names("channels", [channel])
        return rows[0] is not None and rows[0].messages == count

    await wait_until_async(counted, 20, f"{count} messages in {channel}")
    await redis.aclose()


@pytest.mark.parametrize(
    ("statement", "undo", "named"),
    [
        (
            "UPDATE pairs SET messages = messages + 1 WHERE channel = $1",
            "UPDATE pairs SET messages = messages - 1 WHERE channel = $1",
            "Postgres, pairs, ('{channel}', 'somebody')",
        ),
        (
            "UPDATE messages SET text = text || '?' WHERE channel = $1 AND id = '1'",
            "UPDATE messages SET text = rtrim(text, '?') WHERE channel = $1 AND id = '1'",
            "Postgres, visible messages, ('{channel}', '1')",
        ),
        (
            "UPDATE messages SET visible = false, text = '' WHERE channel = $1 AND id = '2'",
            "UPDATE messages SET visible = true, text = 'text 2' WHERE channel = $1 AND id = '2'",
            "Postgres, visible messages, ('{channel}', ",
        ),
        (
            "UPDATE channels SET display_name = 'other' WHERE channel = $1",
            "UPDATE channels SET display_name = '' WHERE channel = $1",
            "Postgres, channels, {channel}:",
        ),
    ],
)
async def test_a_row_of_postgres_that_is_wrong_is_named(
    stack: RunningStack, log: KafkaLog, tmp_path: Path, unique: str, statement: str, undo: str, named: str
) -> None:
    await _post(stack, log, unique, 3)
    async with _database(stack) as database:
        await database.execute(statement, unique)
        status, output = await run(stack, tmp_path)
        await database.execute(undo, unique)
    assert status == 1, output
    assert named.format(channel=unique) in output
    assert "There are differences" in output


async def test_a_row_of_redis_that_is_wrong_is_named(
    stack: RunningStack, log: KafkaLog, tmp_path: Path, unique: str
) -> None:
    await _post(stack, log, unique, 3)
    redis = redis_client(stack.redis_url)
    key = f"{{livestream}}:{(await ServingCopy(redis).windows()).stand.cursor.epoch}:channels:rows"
    right: Any = await redis.hget(key, unique)
    row = msgspec.msgpack.decode(right, type=NameRow)
    await redis.hset(key, unique, msgspec.msgpack.encode(NameRow(unique, "", 4, row.last_ms)))
    status, output = await run(stack, tmp_path)
    await redis.hset(key, unique, right)
    await redis.aclose()
    assert status == 1, output
    assert f"Redis, channels, {unique}:" in output


async def test_a_container_verifies_too_and_says_the_same_in_json(
    stack: RunningStack, log: KafkaLog, unique: str
) -> None:
    await _post(stack, log, unique, 3)
    status, told = await _verify_as_a_module(stack)
    assert (status, told[-1]["equal"]) == (0, True), told
    async with _database(stack) as database:
        await database.execute("UPDATE pairs SET messages = messages + 1 WHERE channel = $1", unique)
        status, told = await _verify_as_a_module(stack)
        await database.execute("UPDATE pairs SET messages = messages - 1 WHERE channel = $1", unique)
    assert (status, told[-1]["equal"]) == (1, False), told
    (wrong,) = (line for line in told[:-1] if line["differing"] and line["kind"] == "pairs")
    assert wrong["differences"][0]["key"] == [unique, "somebody"]


async def _verify_as_a_module(stack: RunningStack) -> tuple[int | None, list[dict[str, Any]]]:
    environment = os.environ | stack.servers.environment | {"AUDIT_STREAM_URL": stack.stream_url}
    command = [sys.executable, "-m", "livestream_auditor.verify"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), VERIFIED_S)
    return process.returncode, [json.loads(line) for line in output.splitlines()]


async def test_a_message_that_redis_lost_is_named(
    stack: RunningStack, log: KafkaLog, tmp_path: Path, unique: str
) -> None:
    await _post(stack, log, unique, 3)
    redis = redis_client(stack.redis_url)
    serving = ServingCopy(redis)
    windows = await serving.windows(messages=1)
    key = f"{{livestream}}:{windows.stand.cursor.epoch}:messages"
    newest = windows.messages[0]
    await redis.zrem(key, newest.member)
    status, output = await run(stack, tmp_path)
    await redis.zadd(key, {newest.member: newest.ts_ms})
    await redis.aclose()
    assert status == 1, output
    assert "Redis, newest messages, " in output


async def test_a_database_that_no_projector_has_begun_holds_nothing_yet(database_url: str) -> None:
    with pytest.raises(CouldNotRunError, match="Postgres holds no live read model yet"):
        await open_durable_model(database_url).__aenter__()


async def test_without_a_stream_it_could_not_run(stack: RunningStack, tmp_path: Path) -> None:
    stack.stop("gateway")
    try:
        status, output = await run(stack, tmp_path)
    finally:
        stack.start("gateway")
    assert status == 2
    assert "could not verify: the stream has not reached" in output


def test_without_a_stack_it_could_not_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "livestream_local", "verify", "--data", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "no stack is running" in result.stderr
