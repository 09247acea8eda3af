"""A running stack says on Kafka and on its streams what docs/asyncapi.yaml says that it says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from yarl import URL

from livestream.cursor import Cursor, new_epoch
from livestream.events import DEAD_LETTER_TOPIC, FUTURE_TOLERANCE_MS, MESSAGES_TOPIC, USERS_TOPIC
from livestream.frames import LIMITS, View, ViewKind
from livestream.partitioning import partition_of
from livestream.times import format_ms, now_ms
from tests.contract.asyncapi_document import CHANNELS, MESSAGES, SCHEMAS, check, validator
from tests.contract.described_stream import described_stream
from tests.support.stacks import RunningStack, StartStack

PARTITIONS = CHANNELS["messages"]["bindings"]["kafka"]["partitions"]
WAIT_S = 30
HOME, ALL_MESSAGES, ALL_CHANNELS, ALL_USERS = (View.parse(each) for each in ("home", "messages", "channels", "users"))
ZOE, CAFE = View(ViewKind.USER, "Zoë"), View(ViewKind.CHANNEL, "café/日本")
Append = Callable[[str, bytes | None, int, bytes | None], Awaitable[str]]


class Upstream:
    """Sends requests to ingest; one that is not accepted fails the test."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def send(self, method: str, path: str, body: object = None) -> None:
        async with self._session.request(method, URL(self._url + path, encoded=True), json=body) as response:
            assert response.status == 202, await response.text()

    async def post(self, *messages: dict[str, str]) -> None:
        await self.send("POST", "/v1/messages", messages)


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    """One that refuses what is older than some years, so that every reason for a dead letter can be had."""
    with start_stack({"RETENTION_DAYS": "3650"}) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=None, sock_connect=WAIT_S)) as client:
        yield client


@pytest.fixture
def upstream(session: ClientSession, stack: RunningStack) -> Upstream:
    return Upstream(session, stack.ingest_url)


async def consume(stack: RunningStack, *topics: str, until: Callable[[Any], bool]) -> None:
    """Give every record, from the beginning on, to `until`, until it says that this was enough."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=stack.kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(WAIT_S):
            async for record in consumer:
                if until(record):
                    return
    finally:
        await consumer.stop()


@asynccontextmanager
async def appending(stack: RunningStack) -> AsyncIterator[Append]:
    """Appends any record with a header of its own, and returns its coordinates."""
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers)
    await producer.start()

    async def append(topic: str, value: bytes | None, partition: int, key: bytes | None) -> str:
        headers = [("kept", b"as it was")]
        sent = await producer.send_and_wait(topic, value, key, partition, headers=headers)
        return f"{topic}/{sent.partition}/{sent.offset}"

    try:
        yield append
    finally:
        await producer.stop()


async def test_streams_are_as_described(session: ClientSession, stack: RunningStack, upstream: Upstream) -> None:
    views = (HOME, ALL_MESSAGES, ALL_CHANNELS, ALL_USERS, ZOE, CAFE)
    query = URL().with_query([("view", str(view)) for view in views]).raw_query_string
    async with described_stream(session, f"{stack.stream_url}/v1/streams?{query}", *views) as stream:
        names, _ = await stream.to_first_position()
        assert names[0] == "status"
        assert stream.reasons == {str(view): "start" for view in views}
        tea = {"channel": "tea", "user": "ann", "text": "Hello 👋"}
        cafe = {"channel": CAFE.name, "user": ZOE.name, "text": "", "user_display_name": "Zoë Z.", "id": "1"}
        await upstream.post({**tea, "id": "2", "channel_display_name": "Tea room"}, {**tea, "id": "3"}, cafe)
        posted = await stream.until("delta", CAFE, "messages")
        assert posted["channels"][0]["messages"] == 1
        await upstream.send("PATCH", "/v1/channels/tea/messages/2", {"text": "Hello, all!"})
        while "edited_at" not in (await stream.until("delta", ALL_MESSAGES, "messages"))["messages"][0]:
            pass
        await upstream.send("DELETE", "/v1/channels/tea/messages/3")
        removed = await stream.until("delta", ALL_MESSAGES, "removed")
        assert removed["removed"] == {"messages": [["tea", "3"]]}
        await upstream.send("DELETE", "/v1/channels/tea")
        removed = await stream.until("delta", ALL_CHANNELS, "removed")
        assert [name for name, _ in removed["removed"]["channels"]] == ["tea"]
        await upstream.send("DELETE", "/v1/users/Zo%C3%AB")
        while (gone := await stream.until("delta", ZOE, "users"))["users"][0]["messages"]:
            pass
        assert gone["users"] == [{"name": ZOE.name, "messages": 0}]


async def test_resumptions_are_as_described(session: ClientSession, stack: RunningStack, upstream: Upstream) -> None:
    url, view = f"{stack.stream_url}/v1/streams/channels/resumed", View(ViewKind.CHANNEL, "resumed")
    limit = LIMITS[ViewKind.CHANNEL].messages

    async def returned(cursor: object) -> tuple[list[str], str | None]:
        """What a client with that cursor is sent to begin with: frames, and the reason of a snapshot."""
        async with described_stream(session, url, view, last_event_id=cursor) as stream:
            names, _ = await stream.to_first_position()
            assert names[0] == "status"
            return [name for name in names if name != "status"], stream.reasons.get(str(view))

    async with described_stream(session, url, view) as stream:
        _, start = await stream.to_first_position()
        await upstream.post({"channel": view.name, "user": "bob", "text": "one"})
        await stream.until("delta", view, "messages")
        assert await returned(start) == (["delta"], None)
        assert await returned(stream.client.position()) == ([], None)
        assert await returned("no cursor") == (["snapshot"], "unknown-cursor")
        assert await returned(Cursor(start.epoch, 10**14)) == (["snapshot"], "unknown-cursor")
        assert await returned(Cursor(new_epoch(), 1)) == (["snapshot"], "epoch")
        await upstream.post(*({"channel": view.name, "user": "bob", "text": str(each)} for each in range(limit)))
        while (await stream.until("delta", view, "channels"))["channels"][0]["messages"] <= limit:
            pass
        assert await returned(start) == (["snapshot"], "behind")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/streams/nowhere", 404), ("/v1/streams/users/%2E%2E", 400), ("/v1/streams", 400)],
)
async def test_refusals_are_as_described(session: ClientSession, stack: RunningStack, path: str, status: int) -> None:
    async with session.get(URL(stack.stream_url + path, encoded=True)) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"


async def test_what_ingest_appends_is_as_described(stack: RunningStack, upstream: Upstream) -> None:
    await upstream.post({"channel": "log", "user": "logger", "text": "t", "user_display_name": "L", "id": "1"})
    await upstream.send("PATCH", "/v1/channels/log/messages/1", {"text": "e"})
    await upstream.send("DELETE", "/v1/channels/log/messages/1")
    await upstream.send("DELETE", "/v1/channels/log")
    await upstream.send("DELETE", "/v1/users/logger")
    names = {message["name"]: name for name, message in MESSAGES.items()}
    awaited = [*SCHEMAS["messageEventType"]["enum"], "user.deleted"]

    def look(record: Any) -> bool:
        payload = json.loads(record.value)
        is_user = record.topic == USERS_TOPIC
        name = payload["user" if is_user else "channel"]
        if name in ("log", "logger"):
            check(names[payload["type"]], payload, {header: value.decode() for header, value in record.headers})
            assert record.key.decode() == name
            assert record.partition == (0 if is_user else partition_of(name, PARTITIONS))
            awaited.remove(payload["type"])
        return not awaited

    await consume(stack, MESSAGES_TOPIC, USERS_TOPIC, until=look)


GOOD = {"channel": "dead", "id": "1", "user": "u", "text": "t", "ts": "2026-01-02T03:04:05Z"}


def bad_records() -> list[tuple[str, str, bytes | None, int]]:
    """Reason, topic, value and partition of records for every reason; a good one, for the conflict, has none."""
    home = partition_of("dead", PARTITIONS)
    future = format_ms(now_ms() + 2 * FUTURE_TOLERANCE_MS)

    def changed(**changes: object) -> bytes:
        return json.dumps({**GOOD, **changes}).encode()

    return [
        ("bad-json", MESSAGES_TOPIC, b"\xff{", home),
        ("bad-json", USERS_TOPIC, b"hello", 0),
        ("bad-json", MESSAGES_TOPIC, None, home),
        ("invalid", MESSAGES_TOPIC, changed(user=""), home),
        ("unknown-type", MESSAGES_TOPIC, changed(type="message.moved"), home),
        ("wrong-topic", MESSAGES_TOPIC, changed(type="user.deleted"), home),
        ("wrong-topic", USERS_TOPIC, changed(), 0),
        ("wrong-partition", MESSAGES_TOPIC, changed(), (home + 1) % PARTITIONS),
        ("future-ts", MESSAGES_TOPIC, changed(id="2", ts=future), home),
        ("too-old", MESSAGES_TOPIC, changed(id="2", ts="1990-01-02T03:04:05Z"), home),
        ("", MESSAGES_TOPIC, changed(), home),
        ("conflict", MESSAGES_TOPIC, changed(text="other"), home),
        ("unknown-message", MESSAGES_TOPIC, changed(type="message.edited", id="3"), home),
    ]


async def test_dead_letters_are_as_described(stack: RunningStack) -> None:
    records = bad_records()
    assert {reason for reason, *_ in records} == {"", *SCHEMAS["deadLetterReason"]["enum"]}
    awaited: dict[str, tuple[str, bytes, str]] = {}
    async with appending(stack) as append:
        for reason, topic, value, partition in records:
            coordinates = await append(topic, value, partition, b"dead")
            if reason:
                awaited[coordinates] = (reason, value or b"", "dead")
        without_key = await append(MESSAGES_TOPIC, b"hello", 0, None)
        awaited[without_key] = ("bad-json", b"hello", "")

    def look(record: Any) -> bool:
        key = record.key.decode()
        headers = {name: value.decode() for name, value in record.headers}
        validator(SCHEMAS["coordinates"]).validate(key)
        check("deadLetter", record.value.decode("latin-1"), headers)
        parts = (headers[f"dead-letter-{part}"] for part in ("topic", "partition", "offset"))
        assert "/".join(parts) == key
        assert {name for name, _ in record.headers} - {"kept"} <= SCHEMAS["deadLetterHeaders"]["properties"].keys()
        assert headers["kept"] == "as it was"
        found = (headers["dead-letter-reason"], record.value, headers.get("dead-letter-key", ""))
        assert found == awaited.pop(key)
        return not awaited

    await consume(stack, DEAD_LETTER_TOPIC, until=look)
