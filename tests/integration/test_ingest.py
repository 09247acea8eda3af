"""Ingest as a process on a real Kafka: each answer of the contract's table, and what is on the log after it."""

import gzip
import json
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from livestream.events import MESSAGES_TOPIC
from livestream.times import now_ms
from livestream_ingest.bodies import ARRAY_MAX_ITEMS, BODY_MAX_BYTES
from livestream_ingest.intake import MAX_ERRORS, MAX_IDS
from livestream_ingest.lines import LINE_MAX_BYTES
from tests.support.ingest import IngestClient, Logged, ingest_client, read_log, running_ingest

JSON = "application/json"
ReadChannel = Callable[[], Awaitable[list[Logged]]]


@pytest.fixture(scope="module")
def ingest_url(kafka_bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_ingest(kafka_bootstrap_servers, tmp_path_factory.mktemp("ingest")) as url:
        yield url


@pytest.fixture(scope="module")
async def ingest(ingest_url: str) -> AsyncIterator[IngestClient]:
    async with ingest_client(ingest_url) as client:
        yield client


@pytest.fixture
def channel() -> str:
    return f"c-{uuid.uuid4().hex}"


@pytest.fixture
def logged(kafka_bootstrap_servers: str, channel: str) -> ReadChannel:
    """What is on the log of this test's channel."""

    async def read() -> list[Logged]:
        return [record for record in await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC) if record.key == channel]

    return read


def message(channel: str, text: str = "hi", **fields: Any) -> dict[str, Any]:
    return {"channel": channel, "user": "ann", "text": text, **fields}


async def test_an_object_is_on_the_log_with_its_defaults(
    ingest: IngestClient, channel: str, logged: ReadChannel
) -> None:
    before_ms = now_ms()
    answer = await ingest.post(message(channel))
    assert answer.status == 202
    assert answer.body["accepted"] == 1
    (record,) = await logged()
    ts = datetime.fromisoformat(record.event.pop("ts"))
    assert before_ms <= ts.timestamp() * 1000 <= now_ms()
    assert record.event == {**message(channel), "type": "message.posted", "id": answer.body["ids"][0]}
    assert uuid.UUID(answer.body["ids"][0]).version == 7


async def test_an_object_keeps_what_it_says(ingest: IngestClient, channel: str, logged: ReadChannel) -> None:
    said = message(
        channel,
        "Привет 👋 <b>&amp;</b>",
        id="m/1 ?",
        ts="2004-11-15T12:18:00.5+02:00",
        channel_display_name="The Channel",
        user_display_name="Ann",
    )
    answer = await ingest.post({**said, "of_no_interest": {"a": [1]}})
    assert answer.body == {"accepted": 1, "ids": ["m/1 ?"]}
    (record,) = await logged()
    assert record.event == {**said, "type": "message.posted", "ts": "2004-11-15T10:18:00.500Z"}


async def test_items_of_an_array_are_answered_one_by_one(
    ingest: IngestClient, channel: str, logged: ReadChannel
) -> None:
    good = message(channel, "good")
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    bad: list[tuple[Any, str | None]] = [
        ({**good, "channel": ""}, "channel"),
        ({**good, "channel": "a\u0007"}, "channel"),
        ({**good, "user": "u" * 201}, "user"),
        ({**good, "user": None}, "user"),
        ({**good, "text": 5}, "text"),
        ({**good, "text": "é" * 8193}, "text"),
        ({**good, "text": "\0"}, "text"),
        ({**good, "text": "\ud800"}, "text"),
        ({**good, "id": ""}, "id"),
        ({**good, "ts": "yesterday"}, "ts"),
        ({**good, "ts": "2026-01-01T00:00:00"}, "ts"),
        ({**good, "ts": in_an_hour}, "ts"),
        ({**good, "user_display_name": "\n"}, "user_display_name"),
        ({**good, "type": "message.deleted", "id": "x"}, "type"),
        ({**good, "type": "chat"}, "type"),
        ({"channel": channel, "user": "ann"}, "text"),
        (5, None),
        (None, None),
        ([], None),
    ]
    items: list[Any] = [good]
    for item, _ in bad:
        items += [item, good]
    answer = await ingest.post(items)
    assert answer.status == 207
    assert answer.body["accepted"] == len(answer.body["ids"]) == len(bad) + 1
    assert answer.errors == [(2 * place + 1, field) for place, (_, field) in enumerate(bad)]
    assert [record.event["id"] for record in await logged()] == answer.body["ids"]


async def test_where_all_is_bad_the_problem_names_item_and_field(ingest: IngestClient, channel: str) -> None:
    one = await ingest.post({"channel": channel, "text": "hi"})
    assert (one.status, one.errors) == (422, [(0, "user")])
    assert one.body["detail"] == "`user` is required"
    several = await ingest.post([{"channel": channel}, message(channel, ts="2026-01-01T00:00:00")])
    assert (several.status, several.errors) == (422, [(0, "user"), (1, "ts")])
    assert "offset from UTC" in several.body["errors"][1]["detail"]
    lines = await ingest.post_lines(b"{", b"nonsense")
    assert (lines.status, lines.errors) == (422, [(0, None), (1, None)])


@pytest.mark.parametrize("scalar", [b"5", b'"text"', b"null", b"true"])
async def test_a_value_that_is_no_object_is_refused_as_an_item(ingest: IngestClient, scalar: bytes) -> None:
    answer = await ingest.post(scalar)
    assert (answer.status, answer.errors) == (422, [(0, None)])


@pytest.mark.parametrize("content_type", [JSON, "application/cloudevents+json", "application/cloudevents-batch+json"])
@pytest.mark.parametrize(
    "body", [b"", b" \n ", b"{", b"[{]", b'{"a":1}x', b"\xff", b"[" * 100_000, b'["\xed\xa0\x80"', b'{"a": NaN}']
)
async def test_a_body_that_is_no_json_is_a_bad_request(ingest: IngestClient, content_type: str, body: bytes) -> None:
    answer = await ingest.post(body, content_type)
    assert answer.status == 400
    assert "the body is" in answer.body["detail"]


async def test_empty_input(ingest: IngestClient) -> None:
    assert (await ingest.post([])).body == {"accepted": 0, "ids": []}
    for blank in (b"", b"\n\r\n \n"):
        assert (await ingest.post(blank, "application/x-ndjson")).status == 400


async def test_one_broken_string_does_not_spoil_its_neighbours(
    ingest: IngestClient, channel: str, logged: ReadChannel
) -> None:
    good = json.dumps(message(channel, "𐏿 \\ud800")).encode()
    nested = b'{"channel":"c","user":"u","text":"t","x":' + b"[" * 2000 + b"]" * 2000 + b"}"
    latin = b'{"channel":"c","user":"caf\xe9","text":"t"}'
    lone = rb'{"channel":"c\udc00","user":"u","text":"t"}'
    array = await ingest.post(b"[" + b",".join([good, lone, latin, good]) + b"]")
    assert (array.status, array.errors) == (207, [(1, "channel"), (2, None)])
    lines = await ingest.post_lines(good, lone, latin, nested, good)
    assert (lines.status, lines.errors) == (207, [(1, "channel"), (2, None), (3, None)])
    assert [record.event["text"] for record in await logged()] == ["𐏿 \\ud800"] * 4


async def test_unreadable_forms_are_unsupported_media(ingest: IngestClient, channel: str) -> None:
    body = json.dumps(message(channel)).encode()
    assert (await ingest.post(body, "text/plain")).status == 415
    assert (await ingest.request("POST", "/v1/messages", body)).status == 415
    assert (await ingest.post(body, "application/json; charset=latin-1")).status == 415
    assert (await ingest.post(body, "Application/JSON; charset=UTF-8")).status == 202
    for encoding in ("br", "zstd", "compress", "gzip, gzip"):
        answer = await ingest.post(body, Content_Encoding=encoding)
        assert answer.status == 415
        assert answer.headers["Accept-Encoding"] == "gzip, deflate"


async def test_unknown_paths_and_methods_are_problems_too(ingest: IngestClient) -> None:
    assert (await ingest.request("GET", "/v1/nothing")).status == 404
    answer = await ingest.request("PUT", "/v1/messages")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def bare_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def in_members(data: bytes) -> bytes:
    return b"".join(gzip.compress(line) for line in data.splitlines(keepends=True))


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("gzip", in_members), ("deflate", zlib.compress), ("deflate", bare_deflate)],
)
async def test_compressed_lines(
    ingest: IngestClient, channel: str, logged: ReadChannel, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    lines = b"\n".join(json.dumps(message(channel, str(number))).encode() for number in range(3_000))
    body = compress(lines)
    whole = await ingest.post(body, "application/x-ndjson", Content_Encoding=encoding)
    assert (whole.status, whole.body["accepted"]) == (202, 3_000)
    cut_off = await ingest.post(body[:-10], "application/x-ndjson", Content_Encoding=encoding)
    assert cut_off.status == 400
    assert "ends too early" in cut_off.body["detail"]
    assert len(await logged()) == 3_000 + cut_off.body.get("accepted", 0)


async def test_a_compressed_body_is_measured_as_it_expands(ingest: IngestClient, channel: str) -> None:
    bomb = gzip.compress(b" " * (BODY_MAX_BYTES * 4))
    assert len(bomb) < 100_000
    assert (await ingest.post(bomb, Content_Encoding="gzip")).status == 413
    body = gzip.compress(json.dumps(message(channel, x="y" * 1_000_000)).encode())
    assert (await ingest.post(body, Content_Encoding="gzip")).status == 202


async def test_limits_of_whole_bodies(ingest: IngestClient, channel: str) -> None:
    start, end = json.dumps(message(channel, x="")).encode()[:-2], b'"}'
    largest = start + b"y" * (BODY_MAX_BYTES - len(start) - len(end)) + end
    assert (await ingest.post(largest)).status == 202
    assert (await ingest.post(largest + b" ")).status == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 2**20

    assert (await ingest.post(chunks())).status == 413
    items = [message(channel, str(number)) for number in range(ARRAY_MAX_ITEMS)]
    answer = await ingest.post(items)
    assert (answer.status, len(set(answer.body["ids"]))) == (202, ARRAY_MAX_ITEMS)
    assert (await ingest.post([*items, items[0]])).status == 413


async def test_long_streams_keep_order_and_are_answered_in_bounds(
    ingest: IngestClient, channel: str, logged: ReadChannel
) -> None:
    async def lines() -> AsyncIterator[bytes]:
        for start in range(0, 50_000, 1_000):
            yield b"".join(
                json.dumps(message(channel if number % 3 else f"{channel}-2", str(number))).encode() + b"\r\n"
                for number in range(start, start + 1_000)
            )
        yield b"not json\n" * (MAX_ERRORS + 5)

    answer = await ingest.post(lines(), "application/x-ndjson")
    assert (answer.status, answer.body["accepted"]) == (207, 50_000)
    assert len(answer.body["ids"]) == MAX_IDS
    assert [index for index, _ in answer.errors] == list(range(50_000, 50_000 + MAX_ERRORS))
    records = await logged()
    assert [record.event["text"] for record in records] == [str(number) for number in range(50_000) if number % 3]
    assert [record.offset for record in records] == sorted(record.offset for record in records)


async def test_a_line_that_is_too_long_is_its_own_error(ingest: IngestClient, channel: str) -> None:
    start, end = json.dumps(message(channel, x="")).encode()[:-2], b'"}'
    largest = start + b"y" * (LINE_MAX_BYTES - len(start) - len(end)) + end
    answer = await ingest.post_lines(largest, largest + b"\r", largest[:-2] + b'y"}', b"x" * 1_000_000, largest)
    assert (answer.status, answer.body["accepted"]) == (207, 3)
    assert answer.errors == [(2, None), (3, None)]
    assert str(LINE_MAX_BYTES) in answer.body["errors"][0]["detail"]


async def test_an_idempotency_key_gives_the_same_ids_again(ingest: IngestClient, channel: str) -> None:
    items = [message(channel), message(channel, id="own"), message(channel)]
    key = uuid.uuid4().hex
    first = await ingest.post(items, Idempotency_Key=key)
    again = await ingest.post_lines(*items, Idempotency_Key=key)
    other = await ingest.post(items, Idempotency_Key=key + "2")
    assert first.body["ids"] == again.body["ids"]
    assert first.body["ids"][1] == "own"
    assert len({*first.body["ids"], *other.body["ids"]}) == 5
    assert (await ingest.post(items, Idempotency_Key="k" * 256)).status == 400


def cloud_event(data: Any, **attributes: str) -> CloudEvent:
    return CloudEvent({"type": "message.posted", "source": "/tests", **attributes}, data)


async def test_cloud_events_in_every_mode(ingest: IngestClient, channel: str, logged: ReadChannel) -> None:
    structured = to_structured_event(cloud_event(message(channel, "structured", id="1")))
    assert (await ingest.post(structured.body, structured.headers["content-type"])).status == 202
    batch = b"[" + b",".join([structured.body, b"{}", structured.body]) + b"]"
    answer = await ingest.post(batch, "application/cloudevents-batch+json")
    assert (answer.status, answer.body["accepted"], answer.errors) == (207, 2, [(1, "specversion")])
    for attributes in ({}, {"datacontenttype": JSON}):
        binary = to_binary_event(cloud_event(message(channel, "binary", id="2"), subject="ä b", **attributes))
        answer = await ingest.request("POST", "/v1/messages", binary.body, **binary.headers)
        assert (answer.status, answer.body["ids"]) == (202, ["2"])
    assert [record.event["text"] for record in await logged()] == ["structured"] * 3 + ["binary"] * 2


async def test_cloud_events_that_are_no_posts_are_refused(ingest: IngestClient, channel: str) -> None:
    deletion = to_structured_event(cloud_event({"channel": channel, "id": "1"}, type="message.deleted"))
    answer = await ingest.post(deletion.body, "application/cloudevents+json")
    assert (answer.status, answer.errors) == (422, [(0, "type")])
    binary = to_binary_event(cloud_event(message(channel)))
    del binary.headers["ce-source"]
    answer = await ingest.request("POST", "/v1/messages", binary.body, **binary.headers)
    assert (answer.status, answer.errors) == (422, [(0, "ce-source")])
    answer = await ingest.request("POST", "/v1/messages", b"x", **{**binary.headers, "Content-Type": "text/plain"})
    assert answer.status == 415
    array = await ingest.post([json.loads(deletion.body)], "application/cloudevents+json")
    assert (array.status, array.errors) == (422, [(0, None)])


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["channel", "user", "text", "id", "ts", "type", "data", "specversion", "source"]), inner
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=50)
    | anything.map(lambda value: json.dumps(value).encode())
    | st.lists(anything, max_size=3).map(lambda values: b"\n".join(json.dumps(value).encode() for value in values)),
    content_type=st.sampled_from(
        [JSON, "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"]
    ),
    encoding=st.sampled_from(["identity", "identity", "gzip", "deflate"]),
)
async def test_no_body_is_a_fault_of_ours(ingest: IngestClient, body: bytes, content_type: str, encoding: str) -> None:
    answer = await ingest.post(body, content_type, Content_Encoding=encoding)
    assert answer.status in (202, 207, 400, 422)


async def test_health_and_metrics(ingest: IngestClient, channel: str) -> None:
    assert (await ingest.request("GET", "/livez")).status == 200
    assert (await ingest.request("GET", "/readyz")).body == {"status": "ok", "checks": {"kafka": "ok"}}
    assert (await ingest.request("GET", "/openapi.json")).body["openapi"] == "3.1.0"
    await ingest.post([message(channel), {}])
    metrics = await ingest.get_text("/metrics")
    for line in (
        'livestream_ingest_requests_total{method="POST",route="/v1/messages",status="207"}',
        'livestream_ingest_accepted_items_total{topic="messages.v1"}',
        'livestream_ingest_refused_items_total{reason="invalid"}',
        'livestream_ingest_in_flight_bytes{what="records"} 0.0',
        "livestream_ingest_ack_duration_seconds_count",
    ):
        assert line in metrics
