"""Ingest while Kafka is slow, away, killed, or not as it should be; and limits that protect it."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from livestream.events import MESSAGES_TOPIC
from livestream_local.ports import free_ports
from tests.support.ingest import IngestClient, Logged, ingest_client, read_log, running_ingest
from tests.support.stacks import RunningStack, StartStack
from tests.support.waiting import wait_until_async

NDJSON = "application/x-ndjson"
ACK_TIMEOUT_SECONDS = 2
IN_FLIGHT_BYTES = 2 * 2**20
# What a 503 may take: the time-out, and what a busy machine adds.
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    limits = {"KAFKA_ACK_TIMEOUT_SECONDS": str(ACK_TIMEOUT_SECONDS), "MAX_IN_FLIGHT_BYTES": str(IN_FLIGHT_BYTES)}
    with start_stack(limits, only=["ingest"]) as running:
        yield running


@pytest.fixture
def channel() -> str:
    return f"c-{uuid.uuid4().hex}"


def line(channel: str, number: int, padding: int = 0) -> bytes:
    text = f"{number} ".ljust(padding, "x")
    return json.dumps({"channel": channel, "user": "ann", "text": text, "id": str(number)}).encode() + b"\n"


async def channel_log(stack: RunningStack, channel: str) -> list[Logged]:
    return [each for each in await read_log(stack.kafka_bootstrap_servers, MESSAGES_TOPIC) if each.key == channel]


async def is_ready(ingest: IngestClient) -> bool:
    return (await ingest.request("GET", "/readyz")).status == 200


async def is_not_ready(ingest: IngestClient) -> bool:
    return not await is_ready(ingest)


async def test_a_stalled_kafka_is_a_503_that_says_how_far_it_came(
    stack: RunningStack, ingest: IngestClient, channel: str
) -> None:
    paused = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        for number in range(5_000):
            yield line(channel, number)
        await wait_until_async(lambda: _some_of(stack, channel), what="the first lines being on the log")
        await asyncio.to_thread(stack.pause, "kafka")
        paused.set()
        for number in range(5_000, 500_000):
            yield line(channel, number)

    try:
        answer = await ingest.post(lines(), NDJSON)
        assert paused.is_set()
        assert answer.status == 503
        assert "Kafka" in answer.body["detail"]
        ready = await ingest.request("GET", "/readyz")
        assert ready.status == 503
        assert "kafka" in ready.body["checks"]
        assert (await ingest.request("GET", "/livez")).status == 200
        single = await ingest.post(json.loads(line(channel, 0)))
        assert (single.status, single.body["accepted"]) == (503, 0)
    finally:
        await asyncio.to_thread(stack.resume, "kafka")
    await wait_until_async(lambda: is_ready(ingest), PATIENCE_SECONDS, "ingest being ready again")
    numbers = [int(record.event["id"]) for record in await channel_log(stack, channel)]
    accepted = answer.body["accepted"]
    assert numbers[:accepted] == list(range(accepted))

    await send_all(ingest, [line(channel, number) for number in range(accepted, accepted + 9_000)])
    numbers = [int(record.event["id"]) for record in await channel_log(stack, channel)]
    assert list(dict.fromkeys(numbers))[: accepted + 9_000] == list(range(accepted + 9_000))


async def send_all(ingest: IngestClient, lines: Sequence[bytes]) -> None:
    """As upstreams do: after a 503 the rest again."""
    sent = 0

    async def all_are_accepted() -> bool:
        nonlocal sent
        answer = await ingest.post(b"".join(lines[sent:]), NDJSON)
        sent += answer.body["accepted"]
        return answer.status == 202

    await wait_until_async(all_are_accepted, PATIENCE_SECONDS, "all lines being accepted")


async def _some_of(stack: RunningStack, channel: str) -> bool:
    return len(await channel_log(stack, channel)) > 100


async def test_killed_brokers_cost_time_but_no_message(stack: RunningStack, ingest: IngestClient) -> None:
    pairs = [(f"c-{uuid.uuid4().hex}", f"c-{uuid.uuid4().hex}") for _ in range(4)]
    statuses: list[int] = []
    done = asyncio.Event()

    async def post_on(pair: tuple[str, str]) -> int:
        """Posts until told to stop; answers how many were acknowledged."""
        first = 0
        while not done.is_set() or first == 0:
            body = b"".join(line(pair[number % 2], number) for number in range(first, first + 2_000))
            answer = await ingest.post(body, NDJSON)
            statuses.append(answer.status)
            first += answer.body["accepted"]
            if answer.status == 503:
                await wait_until_async(lambda: is_ready(ingest), 2 * PATIENCE_SECONDS, "ingest being ready again")
        return first

    posters = [asyncio.create_task(post_on(pair)) for pair in pairs]
    for _ in range(2):
        await more_than(len(statuses) + 20, statuses)
        await asyncio.to_thread(stack.kill, "kafka")
        await wait_until_async(lambda: is_ready(ingest), 2 * PATIENCE_SECONDS, "ingest being ready again")
    await more_than(len(statuses) + 20, statuses)
    done.set()
    acknowledged = await asyncio.gather(*posters)

    assert set(statuses) <= {202, 503}
    records = await read_log(stack.kafka_bootstrap_servers, MESSAGES_TOPIC)
    for pair, count in zip(pairs, acknowledged, strict=True):
        for odd, channel in enumerate(pair):
            first_seen = list(dict.fromkeys(int(record.event["id"]) for record in records if record.key == channel))
            assert first_seen == sorted(first_seen)
            assert first_seen[: len(range(odd, count, 2))] == list(range(odd, count, 2))


async def more_than(count: int, answers: Sized) -> None:
    async def are_there() -> bool:
        return len(answers) > count

    await wait_until_async(are_there, 2 * PATIENCE_SECONDS, "more answers")


async def test_memory_stays_bounded_while_kafka_takes_nothing(
    stack: RunningStack, ingest: IngestClient, channel: str
) -> None:
    await ingest.post(line(channel, 0), NDJSON)
    process = psutil.Process(stack.services.pid("ingest"))
    before = process.memory_info().rss

    async def many_lines(name: str) -> AsyncIterator[bytes]:
        for number in range(4_000):
            yield line(name, number, padding=10_000)

    async with kafka_away(stack.pause, stack.resume):
        answers = await asyncio.gather(*(ingest.post(many_lines(f"{channel}-{n}"), NDJSON) for n in range(12)))
        assert {answer.status for answer in answers} == {503}
        # Beside the budget: what each connection has read and parsed, one batch a partition, and what malloc keeps.
        assert process.memory_info().rss - before < IN_FLIGHT_BYTES + (12 + 20) * 2**20
    await send_all(ingest, [line(channel, 1)])
    assert 'in_flight_bytes{what="records"} 0.0' in await ingest.get_text("/metrics")


async def test_an_open_stream_is_answered_when_the_process_ends(
    stack: RunningStack, ingest: IngestClient, channel: str
) -> None:
    stopped = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        for number in range(1_000):
            yield line(channel, number)
        yield b'{"channel":'
        await stopped.wait()

    request = asyncio.create_task(ingest.post(lines(), NDJSON))
    await wait_until_async(lambda: _some_of(stack, channel), what="the first lines being on the log")
    try:
        await asyncio.to_thread(stack.stop, "ingest")
        answer = await request
        assert (answer.status, answer.body["accepted"]) == (503, 1_000)
        assert "shutting down" in answer.body["detail"]
    finally:
        stopped.set()
        await asyncio.to_thread(stack.start, "ingest")


@contextmanager
def ingest_process(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Without anybody who waits until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "livestream_ingest"],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def test_it_starts_before_kafka_does_and_ends_without_it(stack: RunningStack, channel: str) -> None:
    port = free_ports().ingest
    environment = {"KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers, "PORT": str(port)}
    with ExitStack() as processes:
        async with ingest_client(f"http://127.0.0.1:{port}") as ingest:
            async with kafka_away(stack.stop, stack.start):
                process = processes.enter_context(ingest_process(environment))
                await wait_until_async(lambda: _serves(ingest), PATIENCE_SECONDS, "ingest listening")
                ready = await ingest.request("GET", "/readyz")
                assert ready.status == 503
                assert "Kafka" in ready.body["checks"]["kafka"]
                answer = await ingest.post(json.loads(line(channel, 0)))
                assert (answer.status, answer.body["accepted"]) == (503, 0)
            await wait_until_async(lambda: is_ready(ingest), PATIENCE_SECONDS, "ingest being ready")
            assert (await ingest.post(json.loads(line(channel, 0)))).status == 202
            async with kafka_away(stack.pause, stack.resume):
                await wait_until_async(lambda: is_not_ready(ingest), PATIENCE_SECONDS, "ingest missing Kafka")
                process.terminate()
                assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 0


@asynccontextmanager
async def kafka_away(leave: Callable[[str], None], come_back: Callable[[str], None]) -> AsyncIterator[None]:
    await asyncio.to_thread(leave, "kafka")
    try:
        yield
    finally:
        await asyncio.to_thread(come_back, "kafka")


async def _serves(ingest: IngestClient) -> bool:
    try:
        return (await ingest.request("GET", "/livez")).status == 200
    except OSError:
        return False


async def test_a_topic_that_cannot_be_used_ends_the_process_and_says_why(
    stack: RunningStack, ingest: IngestClient
) -> None:
    await wait_until_async(lambda: is_ready(ingest), PATIENCE_SECONDS, "the topics being there")
    await set_timestamp_type(stack, "CreateTime")
    try:
        environment = {"KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers, "PORT": str(free_ports().ingest)}
        with ingest_process(environment) as process:
            _, errors = await asyncio.to_thread(process.communicate, None, PATIENCE_SECONDS)
            assert process.returncode == 1
            assert "message.timestamp.type=CreateTime" in errors
            assert "kafka-configs.sh" in errors
    finally:
        await set_timestamp_type(stack, "LogAppendTime")


async def set_timestamp_type(stack: RunningStack, kind: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        change = ConfigResource(ConfigResourceType.TOPIC, MESSAGES_TOPIC, {"message.timestamp.type": kind})
        await admin.alter_configs([change])
    finally:
        await admin.close()


def test_a_wrong_setting_ends_the_process_and_is_named() -> None:
    with ingest_process({"KAFKA_ACK_TIMEOUT_SECONDS": "soon", "MESSAGES_PARTITIONS": "0"}) as process:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert "KAFKA_ACK_TIMEOUT_SECONDS is 'soon', but must be a number" in errors
    assert "MESSAGES_PARTITIONS is '0', but must be a whole number from 1" in errors


async def test_the_rate_limit_says_when_to_come_back(
    kafka_bootstrap_servers: str, tmp_path: Path, channel: str
) -> None:
    with running_ingest(kafka_bootstrap_servers, tmp_path, {"RATE_LIMIT_PER_SECOND": "10"}) as url:
        async with ingest_client(url) as ingest:
            assert (await ingest.post([json.loads(line(channel, number)) for number in range(300)])).status == 202
            answer = await ingest.post(json.loads(line(channel, 300)))
            assert (answer.status, answer.body["accepted"]) == (429, 0)
            assert int(answer.headers["Retry-After"]) >= 25
            assert (await ingest.request("DELETE", f"/v1/channels/{channel}")).status == 429
    records = [each for each in await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC) if each.key == channel]
    assert len(records) == 300
