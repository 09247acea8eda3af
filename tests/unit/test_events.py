"""The event contract: what is read, what is refused, and which field is named."""

import base64
import json
from typing import Any

import pytest

from livestream.events import (
    FUTURE_TOLERANCE_MS,
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Defaults,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Rejected,
    UserDeleted,
    check_future,
    encode_event,
    parse_binary_cloud_event,
    parse_cloud_event,
    parse_record,
    parse_value,
)

TS = "2026-01-02T03:04:05.678Z"
TS_MS = 1_767_323_045_678
POSTED: dict[str, Any] = {"channel": "c", "id": "1", "user": "u", "text": "t", "ts": TS}
EVENTS: list[Event] = [
    MessagePosted("c", "1", "u", "t", TS_MS),
    MessagePosted("c", "1", "u", "", TS_MS, "C", "U"),
    MessageEdited("c", "1", "t", TS_MS),
    MessageDeleted("c", "1", TS_MS),
    ChannelDeleted("c", TS_MS),
    UserDeleted("u", TS_MS),
]


def encoded(**fields: Any) -> bytes:
    return json.dumps({**POSTED, **fields}).encode()


def refused(value: bytes) -> tuple[str, str | None]:
    event = parse_value(value)
    assert isinstance(event, Rejected), event
    return event.reason, event.field


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_encoded_is_read_again(event: Event) -> None:
    assert parse_value(encode_event(event)) == event


def test_a_post_needs_no_type_and_unknown_fields_are_ignored() -> None:
    assert parse_value(encoded(color="red", of=[{"a": 1}])) == MessagePosted("c", "1", "u", "t", TS_MS)
    assert parse_value(encoded(type="message.posted")) == MessagePosted("c", "1", "u", "t", TS_MS)


def test_defaults_stand_in_for_id_and_ts_only_where_given() -> None:
    value = json.dumps({"channel": "c", "user": "u", "text": "t"}).encode()
    assert parse_value(value, defaults=Defaults(5, lambda: "new")) == MessagePosted("c", "new", "u", "t", 5)
    assert refused(value) == ("invalid", "id")
    assert refused(json.dumps({"channel": "c", "user": "u", "text": "t", "id": "1"}).encode()) == ("invalid", "ts")


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (encoded(channel=""), "invalid", "channel"),
        (encoded(user=5), "invalid", "user"),
        (encoded(id="\n"), "invalid", "id"),
        (encoded(text="\0"), "invalid", "text"),
        (encoded(text="\ud800"), "invalid", "text"),
        (encoded(user="\ude00"), "invalid", "user"),
        (encoded(ts=5), "invalid", "ts"),
        (encoded(ts="0001-01-01T00:00:00+05:00"), "invalid", "ts"),
        (encoded(channel_display_name=""), "invalid", "channel_display_name"),
        (encoded(type="message.read"), "unknown-type", "type"),
        (encoded(type=None), "invalid", "type"),
        (b"5", "invalid", None),
        (b"[]", "invalid", None),
        (b"", "bad-json", None),
        (b"{", "bad-json", None),
        (b"\xff", "bad-json", None),
        (encoded(text="é").replace(rb"\u00e9", b"\xff"), "bad-json", None),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "bad-json", None),
    ],
)
def test_what_is_refused_and_why(value: bytes, reason: str, field: str | None) -> None:
    assert refused(value) == (reason, field)


def test_lone_surrogates_where_nobody_looks_do_no_harm() -> None:
    assert parse_value(encoded(of_no_interest="\ud800")) == MessagePosted("c", "1", "u", "t", TS_MS)
    truncated = encoded(text="\ud800")[:-1]
    assert refused(truncated) == ("bad-json", None)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (encoded(user=5), "must be a string, not a number"),
        (encoded(user=None), "must be a string, not null"),
        (encoded(text=True), "must be a string, not a boolean"),
        (encoded(id=["1"]), "must be a string, not an array"),
        (encoded(user_display_name=1.5), "must be a string or null, not a number"),
        (encoded(ts=5), "must be a string such as 2026-01-02T03:04:05Z, not a number"),
        (b"[]", "must be an object, not an array"),
        (b'{"channel": "tea"', "not readable as JSON: it ends too early"),
        (b"{channel}", "not readable as JSON: object keys must be strings (byte 1)"),
        (b'{"channel": "\xff"}', "not readable as JSON: it is not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_in_json_s_own_words(value: bytes, detail: str) -> None:
    """And not in those of Python, or of the library that reads it."""
    event = parse_value(value)
    assert isinstance(event, Rejected)
    assert event.detail == detail


@pytest.mark.parametrize(
    ("ts", "sentence"),
    [("2026-01-01T00:00:00", "must end in `Z` or an offset from UTC"), ("noon", "is not a time of RFC 3339")],
)
def test_bad_times_are_explained(ts: str, sentence: str) -> None:
    event = parse_value(encoded(ts=ts))
    assert isinstance(event, Rejected)
    assert event.detail.startswith(sentence)


def test_times_are_kept_in_whole_milliseconds_of_utc() -> None:
    event = parse_value(encoded(ts="2026-01-02T05:04:05.6789+02:00"))
    assert isinstance(event, MessagePosted)
    assert event.ts_ms == TS_MS
    assert json.loads(encode_event(event))["ts"] == TS


def test_the_future_begins_five_minutes_after_the_append_time() -> None:
    event = MessagePosted("c", "1", "u", "t", TS_MS)
    assert check_future(event, TS_MS - FUTURE_TOLERANCE_MS) is None
    rejected = check_future(event, TS_MS - FUTURE_TOLERANCE_MS - 1)
    assert rejected is not None
    assert (rejected.reason, rejected.field) == ("future-ts", "ts")


def cloud_event(**fields: Any) -> bytes:
    event = {"specversion": "1.0", "type": "message.posted", "source": "/s", "id": "e", "data": POSTED, **fields}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


def test_the_type_of_a_cloud_event_wins() -> None:
    data = {**POSTED, "type": "message.posted"}
    assert parse_cloud_event(cloud_event(type="message.edited", data=data)) == MessageEdited("c", "1", "t", TS_MS)


def test_data_may_be_base64() -> None:
    data = base64.b64encode(encoded()).decode()
    assert parse_cloud_event(cloud_event(data=None, data_base64=data)) == MessagePosted("c", "1", "u", "t", TS_MS)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"{}", "specversion"),
        (cloud_event(specversion="0.3"), "specversion"),
        (cloud_event(source=None), "source"),
        (cloud_event(id=5), "id"),
        (cloud_event(type=""), "type"),
        (cloud_event(type="com.example.chat"), "type"),
        (cloud_event(data=None), "data"),
        (cloud_event(data=None, data_base64="%"), "data_base64"),
        (cloud_event(data=None, data_base64="é"), "data_base64"),
        (cloud_event(data=None, data_base64="\ud800"), "data_base64"),
        (cloud_event(data={**POSTED, "user": "\ud800"}), "user"),
        (cloud_event(data="text"), "data"),
        (cloud_event(data=None, data_base64="e30x"), "data_base64"),
    ],
)
def test_bad_cloud_events_are_explained(value: bytes, field: str | None) -> None:
    event = parse_cloud_event(value)
    assert isinstance(event, Rejected)
    assert event.field == field


def test_binary_cloud_events_have_their_attributes_in_headers() -> None:
    attributes = {"specversion": "1.0", "type": "message.posted", "source": "/s", "id": "e"}
    assert parse_binary_cloud_event(attributes, encoded()) == MessagePosted("c", "1", "u", "t", TS_MS)
    for name in attributes:
        event = parse_binary_cloud_event({**attributes, name: ""}, encoded())
        assert isinstance(event, Rejected)
        assert event.field == f"ce-{name}"


def test_records_come_plain_and_as_cloud_events() -> None:
    posted = MessagePosted("c", "1", "u", "t", TS_MS)
    structured = [("Content-Type", b"application/cloudevents+json; charset=utf-8")]
    binary = [("ce_specversion", b"1.0"), ("ce_type", b"message.posted"), ("ce_source", b"/s"), ("ce_id", b"e")]
    assert parse_record(MESSAGES_TOPIC, encoded()) == posted
    assert parse_record(MESSAGES_TOPIC, encoded(), [("trace", b"1"), ("empty", None)]) == posted
    assert parse_record(MESSAGES_TOPIC, cloud_event(), structured) == posted
    assert parse_record(MESSAGES_TOPIC, encoded(), binary) == posted


def test_each_topic_has_its_types() -> None:
    user_deleted, posted = encode_event(UserDeleted("u", TS_MS)), encoded()
    assert parse_record(USERS_TOPIC, user_deleted) == UserDeleted("u", TS_MS)
    for topic, value in ((USERS_TOPIC, posted), (MESSAGES_TOPIC, user_deleted)):
        event = parse_record(topic, value)
        assert isinstance(event, Rejected)
        assert (event.reason, event.field) == ("wrong-topic", "type")
    assert isinstance(parse_record(MESSAGES_TOPIC, None), Rejected)
