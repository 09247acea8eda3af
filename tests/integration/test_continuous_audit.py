"""The auditor beside a running stack: it finds nothing while all is right, and names what is not."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis

from livestream.deltas import NameRow
from livestream.events import ChannelDeleted, MessageDeleted, MessageEdited, MessagePosted, UserDeleted
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_auditor.audit.loop import key_hash
from tests.support.dead_letters import Shown
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.waiting import wait_until_async

PARTS = ("redis", "postgres", "stream")
AUDITED_S = 60
REBUILD_S = 90
# Some hundreds of messages a second beside everything that two cores do.
PAUSE_S = 0.1


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    environment = {"AUDIT_INTERVAL_SECONDS": "0.5"}
    with start_stack(environment, only=["projector", "gateway", "auditor"]) as running:
        yield running


class Audits:
    """What the auditor's metrics say."""

    def __init__(self, stack: RunningStack) -> None:
        self._url = f"http://127.0.0.1:{stack.ports.auditor}"

    async def value(self, name: str, **labels: str) -> float:
        text = await self._get("/metrics")
        shown = "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}" if labels else ""
        found = re.search(rf"^{re.escape(name + shown)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def readiness(self) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{self._url}/readyz") as answer:
            return answer.status

    async def differing(self) -> dict[str, float]:
        return {part: await self.value("livestream_audit_rows_differing", part=part) for part in PARTS}

    async def next(self, count: int = 1) -> None:
        """Until so many audits that begin from now on are complete."""
        for _ in range(count + 1):
            before = await self.value("livestream_audit_last_completed_timestamp_seconds")

            async def completed(before: float = before) -> bool:
                return await self.value("livestream_audit_last_completed_timestamp_seconds") > before

            await wait_until_async(completed, AUDITED_S, "an audit")

    async def _get(self, path: str) -> str:
        async with aiohttp.ClientSession() as session, session.get(f"{self._url}{path}") as answer:
            return await answer.text()


@pytest.fixture
def audits(stack: RunningStack) -> Audits:
    return Audits(stack)


def differences(stack: RunningStack) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stack.log("auditor").splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "audit_difference"]


@asynccontextmanager
async def flowing(log: KafkaLog, prefix: str) -> AsyncIterator[None]:
    """Posts, edits and deletions of all kinds, while this is open."""

    async def flow() -> None:
        number = 0
        while True:
            number += 1
            channels, user = [f"{prefix}-{number * k % 17}" for k in range(1, 31)], f"{prefix} user {number % 11}"
            await log.append(
                [
                    MessagePosted(channel, f"{number}-{k}", f"{prefix} user {(number + k) % 11}", "text", now_ms(), "C")
                    for k, channel in enumerate(channels)
                ]
            )
            await log.append([MessageEdited(channels[0], f"{number}-0", "edited", now_ms())])
            await log.append([MessageDeleted(channels[1], f"{number}-1", now_ms())])
            if number % 9 == 0:
                await log.append([UserDeleted(user, now_ms()), ChannelDeleted(channels[2], now_ms())])
            await asyncio.sleep(PAUSE_S)

    task = asyncio.create_task(flow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_differs_under_load_with_deletions_and_a_rebuild(
    stack: RunningStack, log: KafkaLog, audits: Audits, unique: str
) -> None:
    """Everything moves: each part is compared at its own position, and a new generation is no difference."""
    async with flowing(log, unique):
        await audits.next(5)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livestream_projector.rebuild"),
            env=os.environ | stack.servers.environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(process.wait(), REBUILD_S) == 0
        await audits.next(3)
    compared = {part: await audits.value("livestream_audit_rows_compared_total", part=part) for part in PARTS}
    assert all(rows > 100 for rows in compared.values()), compared
    assert await audits.differing() == dict.fromkeys(PARTS, 0)
    assert differences(stack) == []
    assert await audits.value("livestream_audit_sample_ratio") == 1


async def posted(log: KafkaLog, serving: ServingCopy, channel: str) -> None:
    """Three messages, in Postgres and in Redis."""
    await log.append([MessagePosted(channel, str(n), f"user of {channel}", f"text {n}", now_ms()) for n in range(3)])
    await Shown(serving).count(channel, 3)


async def found(audits: Audits, part: str) -> None:
    async def differs() -> bool:
        return await audits.value("livestream_audit_rows_differing", part=part) > 0

    await wait_until_async(differs, AUDITED_S, f"a difference in {part}")


async def in_order_again(audits: Audits) -> None:
    async def equal() -> bool:
        return await audits.differing() == dict.fromkeys(PARTS, 0)

    await wait_until_async(equal, AUDITED_S, "no difference any more")


@pytest.mark.parametrize(
    ("statement", "undo", "kind", "key"),
    [
        (
            "UPDATE pairs SET messages = messages + 1 WHERE channel = $1",
            "UPDATE pairs SET messages = messages - 1 WHERE channel = $1",
            "pairs",
            "('{channel}', 'user of {channel}')",
        ),
        (
            "UPDATE channels SET last_ms = last_ms + 1 WHERE channel = $1",
            "UPDATE channels SET last_ms = last_ms - 1 WHERE channel = $1",
            "channels",
            "{channel}",
        ),
        (
            "UPDATE messages SET text = text || '?' WHERE channel = $1 AND id = '1'",
            "UPDATE messages SET text = rtrim(text, '?') WHERE channel = $1 AND id = '1'",
            "newest messages",
            None,
        ),
        (
            "UPDATE messages SET visible = false WHERE channel = $1 AND id = '1'",
            "UPDATE messages SET visible = true WHERE channel = $1 AND id = '1'",
            "visible messages by channel",
            "{channel}",
        ),
    ],
)
async def test_a_row_of_postgres_that_was_changed_is_found(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    audits: Audits,
    unique: str,
    statement: str,
    undo: str,
    kind: str,
    key: str | None,
) -> None:
    """What is logged names the row by a hash: logs hold no names."""
    await posted(log, serving, unique)
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(statement, unique)
        await found(audits, "postgres")
        assert await audits.readiness() == 200, "an alert says it, not the readiness"
        await connection.execute(undo, unique)
    finally:
        await connection.close()
    told = [line for line in differences(stack) if line["part"] == "postgres" and line["kind"] == kind]
    assert told
    if key is not None:
        assert any(key_hash(key.format(channel=unique)) in line["key_hashes"] for line in told)
    assert unique not in stack.log("auditor")
    await in_order_again(audits)


async def test_a_row_of_redis_that_was_changed_is_found(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, audits: Audits, unique: str
) -> None:
    await posted(log, serving, unique)
    key = f"{{livestream}}:{(await serving.windows()).stand.cursor.epoch}:channels:rows"
    right: Any = await redis.hget(key, unique)
    row = msgspec.msgpack.decode(right, type=NameRow)
    await redis.hset(key, unique, msgspec.msgpack.encode(NameRow(unique, "", 4, row.last_ms)))
    await found(audits, "redis")
    await redis.hset(key, unique, right)
    kinds = {line["kind"] for line in differences(stack) if line["part"] == "redis"}
    assert {"channels", "conservation"} <= kinds
    assert any(key_hash(unique) in line["key_hashes"] for line in differences(stack) if line["part"] == "redis")
    await in_order_again(audits)


@pytest.mark.parametrize("server", ["kafka", "postgres", "valkey"])
async def test_a_server_that_was_away_is_no_difference(
    stack: RunningStack, log: KafkaLog, audits: Audits, unique: str, server: str
) -> None:
    """Audits fail meanwhile, and go on afterwards."""
    differed = len(differences(stack))
    failures = await audits.value("livestream_audit_failures_total")
    await asyncio.to_thread(stack.stop, server)
    try:

        async def failed() -> bool:
            return await audits.value("livestream_audit_failures_total") > failures

        await wait_until_async(failed, AUDITED_S, "an audit that could not be made")
    finally:
        await asyncio.to_thread(stack.start, server)
    await log.append([MessagePosted(unique, "1", "ann", "afterwards", now_ms())])
    await audits.next()
    assert await audits.differing() == dict.fromkeys(PARTS, 0)
    assert len(differences(stack)) == differed
    assert await audits.readiness() == 200
