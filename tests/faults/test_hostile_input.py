"""What is wrong is refused, with its field or as a whole, and nothing else comes to harm by it."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, USERS_TOPIC
from livestream.serving import ServingCopy
from tests.support.dead_letters import right_partition
from tests.support.header_names import NotUtf8, send_with_any_names
from tests.support.ingest import IngestClient
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack
from tests.support.unharmed import unharmed
from tests.support.upstream_events import caught_up
from tests.support.ways_in import (
    CLOUD_EVENT,
    CLOUD_EVENTS,
    ENVELOPE,
    JSON,
    NDJSON,
    TAKEN,
    UNREADABLE,
    WAYS,
    Outcomes,
    Way,
    by_array,
    by_batch,
    by_lines,
    by_structured_events,
    encoded,
    enveloped,
    message,
)
from tests.support.web import WebClient

DEEP = b"[" * 100_000 + b"]" * 100_000
MIB = 2**20
# However large what comes in is, a service may grow by the bodies that it lets in at a time, and not by the input.
GROWTH_BYTES = 200 * MIB


@pytest.fixture(autouse=True)
async def _unharmed_by_it(stack: RunningStack) -> AsyncIterator[None]:
    async with unharmed(stack):
        yield


def bad_items(channel: str) -> list[tuple[bytes, str]]:
    """Objects that are JSON, and the field for which each is refused."""
    types: list[Any] = [5, None, [], {}, True, 1e308]
    times: list[Any] = [0, "", "now", "2026-01-02", "2026-13-01T00:00:00Z", []]
    labels: list[Any] = [5, "", "\r\n", "\0"]
    wrong: list[tuple[str, Any]] = [
        *((field, value) for field in ("channel", "user", "text", "id") for value in types),
        *(("ts", value) for value in times),
        *((field, value) for field in ("channel_display_name", "user_display_name") for value in labels),
        *(
            (field, f"a{character}b")
            for field in ("channel", "user", "id")
            for character in ("\0", "\r", "\n", "\r\n", "\x1b", "\x7f", "\x85", "\ud800", "\udfff\ud800")
        ),
        *((field, value) for field in ("channel", "user") for value in ("", ".", "..", "n" * 201)),
        ("text", "\0"),
        ("text", "\ud800 alone"),
        ("text", "é" * 8193),
    ]
    return [(encoded(message(channel, "bad") | {field: value}), field) for field, value in wrong]


@pytest.mark.parametrize("way", WAYS)
async def test_bad_items_are_refused_by_their_field_and_their_neighbours_proceed(
    ingest: IngestClient, log: KafkaLog, serving: ServingCopy, web: WebClient, unique: str, way: Way
) -> None:
    items: list[bytes] = []
    expected: Outcomes = []
    is_field_of_its_event = way in (by_batch, by_structured_events)
    bad_ones = [*bad_items(unique), (b"5", "data" if is_field_of_its_event else UNREADABLE)]
    if way not in (by_array, by_batch):  # which are one JSON value, and cannot be read as a whole then
        bad_ones.append((nested(unique), UNREADABLE))
    for number, (bad, field) in enumerate(bad_ones):
        items += [encoded(message(unique, str(number))), bad]
        expected += [TAKEN, field]
    assert await way(ingest, items) == expected
    await caught_up(log, serving)
    shown = await web.items(f"/api/v1/channels/{unique}/messages?limit=500")
    assert [row["text"] for row in reversed(shown)] == [str(number) for number in range(len(expected) // 2)]


def nested(channel: str) -> bytes:
    """Deep, within an object that is right but for a field of no interest."""
    return encoded(message(channel, "deep"))[:-1] + b', "x": ' + b"[" * 2_000 + b"]" * 2_000 + b"}"


@pytest.mark.parametrize("content_type", [JSON, CLOUD_EVENT, CLOUD_EVENTS])
async def test_a_body_that_is_too_large_or_too_deep_is_refused_as_a_whole(
    stack: RunningStack, ingest: IngestClient, content_type: str
) -> None:
    """However it comes, in bounded memory."""
    too_large = b'{"text": "' + b"x" * (17 * MIB) + b'"}'

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(too_large), MIB):
            yield too_large[start : start + MIB]

    before = memory_of(stack, "ingest")
    for body in (too_large, in_chunks()):
        assert (await ingest.post(body, content_type)).status == 413
    bomb = gzip.compress(b" " * (256 * MIB), compresslevel=1)
    assert (await ingest.post(bomb, content_type, Content_Encoding="gzip")).status == 413
    deep = await ingest.post(DEEP, content_type)
    assert deep.status == 400
    assert memory_of(stack, "ingest") - before < GROWTH_BYTES


async def test_a_line_that_is_too_large_or_too_deep_is_refused_alone(
    stack: RunningStack, ingest: IngestClient, unique: str
) -> None:
    good = encoded(message(unique))
    before = memory_of(stack, "ingest")
    assert await by_lines(ingest, [good, b"x" * (17 * MIB), good, DEEP, good]) == [
        TAKEN, UNREADABLE, TAKEN, UNREADABLE, TAKEN,
    ]  # fmt: skip
    bomb = gzip.compress(good + b"\n" + b"x" * (256 * MIB) + b"\n" + good, compresslevel=1)
    answer = await ingest.post(bomb, NDJSON, Content_Encoding="gzip")
    assert (answer.status, answer.errors) == (207, [(1, None)])
    assert memory_of(stack, "ingest") - before < GROWTH_BYTES


def memory_of(stack: RunningStack, name: str) -> int:
    pid = stack.services.pid(name)
    assert pid is not None
    return int(psutil.Process(pid).memory_info().rss)


async def test_bad_records_are_buried_by_reason_and_field_and_their_neighbours_proceed(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, web: WebClient, unique: str
) -> None:
    """One after another in one partition: none of them stops what follows."""
    refused: list[tuple[bytes, list[tuple[str, bytes | None]], str, str]] = [
        *((value, [], "invalid", field) for value, field in bad_items(unique)),
        *((value, [], "bad-json", "") for value in (b"", b"\xff\xfe", b"{", b"\0", b"NaN", nested(unique))),
        *((value, [], "invalid", "") for value in (b"null", b"5", b'"text"', b"[]", DEEP)),
        (encoded(message(unique, type="message.exploded\r\n")), [], "unknown-type", "type"),
        (encoded(message(unique, type="user.deleted")), [], "wrong-topic", "type"),
        (encoded(message(unique, type=5)), [], "invalid", "type"),
        (encoded(ENVELOPE | {"data_base64": "é"}), [("content-type", CLOUD_EVENT.encode())], "invalid", "data_base64"),
        (encoded(ENVELOPE | {"data": 5}), [("content-type", CLOUD_EVENT.encode())], "invalid", "data"),
        (enveloped(DEEP), [("content-type", CLOUD_EVENT.encode())], "bad-json", ""),
        (encoded(message(unique)), [("ce_type", b"\xff\r\n"), ("ce_id", None)], "invalid", "ce-specversion"),
        (encoded(message(unique, text="x" * (17 * MIB))), [], "invalid", "text"),
        (b"x" * (17 * MIB), [(NotUtf8(b"\xff\r\n"), b"\0"), ("huge", b"\0" * (17 * MIB))], "bad-json", ""),
    ]
    places: dict[str, tuple[str, str]] = {}
    partition = right_partition(unique)
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers) as producer:
        for number, (value, headers, reason, field) in enumerate(refused):
            offset = await send_with_any_names(producer, MESSAGES_TOPIC, partition, value, headers, compress=True)
            places[f"{MESSAGES_TOPIC}/{partition}/{offset}"] = (reason, field)
            good = encoded(message(unique, str(number)))
            odd: list[tuple[str, bytes | None]] = [(NotUtf8(b"\xc3"), None), ("", b"\xff"), ("a\r\nb", b"1")]
            await send_with_any_names(producer, MESSAGES_TOPIC, partition, good, odd)
        gone = encoded({"type": "user.deleted", "user": "\ud800", "ts": "2026-01-02T03:04:05Z"})
        offset = await send_with_any_names(producer, USERS_TOPIC, 0, gone, [(NotUtf8(b"\xff"), b"")])
        places[f"{USERS_TOPIC}/0/{offset}"] = ("invalid", "user")
    await caught_up(log, serving)
    letters = [dict(reversed(letter.headers)) for letter in await log.read(DEAD_LETTER_TOPIC)]
    found = {
        place_of(letter): (letter["dead-letter-reason"].decode(), letter["dead-letter-field"].decode())
        for letter in letters
    }
    assert {place: found.get(place) for place in places} == places
    shown = await web.items(f"/api/v1/channels/{unique}/messages?limit=500")
    assert [row["text"] for row in reversed(shown)] == [str(number) for number in range(len(refused))]


def place_of(letter: dict[str, bytes]) -> str:
    return "/".join(letter[f"dead-letter-{part}"].decode() for part in ("topic", "partition", "offset"))
