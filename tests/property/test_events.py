"""The event contract over all input: it never crashes, and what it accepts survives the log unchanged."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from livestream.events import (
    ChannelDeleted,
    Defaults,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Rejected,
    UserDeleted,
    encode_event,
    parse_cloud_event,
    parse_value,
)
from livestream.texts import mark_lone_surrogates
from livestream.times import MAX_MS, MIN_MS

labels = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).map(
    lambda text: unicodedata.normalize("NFC", text)
)
names = labels.filter(lambda name: name not in (".", ".."))
ids = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
moments = st.integers(MIN_MS, MAX_MS)
optional = st.none() | labels
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(MessagePosted, names, ids, names, texts, moments, optional, optional),
    st.builds(MessageEdited, names, ids, texts, moments),
    st.builds(MessageDeleted, names, ids, moments),
    st.builds(ChannelDeleted, names, moments),
    st.builds(UserDeleted, names, moments),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
fields = st.sampled_from(["channel", "user", "text", "id", "ts", "type", "data", "specversion", "source", "x"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(fields, inner, max_size=6), max_leaves=10
)
any_text = st.text(st.characters(codec=None) | st.sampled_from('\ud800\udbff\udc00\udfff\\"'), max_size=12)


@given(events)
def test_events_survive_the_log(event: Event) -> None:
    assert parse_value(encode_event(event)) == event


@given(st.binary(max_size=60) | documents.map(lambda value: json.dumps(value).encode()))
def test_nothing_crashes_the_readers(value: bytes) -> None:
    defaults = Defaults(0, lambda: "new")
    for event in (parse_value(value), parse_value(value, defaults=defaults), parse_cloud_event(value, defaults)):
        if isinstance(event, Rejected):
            assert event.detail
        else:
            assert parse_value(encode_event(event)) == event


@given(any_text)
def test_a_text_is_read_or_its_field_is_named(text: str) -> None:
    value = json.dumps({"channel": "c", "user": "u", "id": "1", "ts": "2026-01-01T00:00:00Z", "text": text}).encode()
    event = parse_value(value)
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in json.loads(json.dumps(text))):
        assert isinstance(event, Rejected)
        assert event.field == "text"
    else:
        assert isinstance(event, MessagePosted)
        assert event.text == text


@given(any_text)
def test_marking_replaces_exactly_the_lone_surrogates(text: str) -> None:
    value = json.loads(json.dumps(text))  # where halves of a pair stand side by side, they are a pair
    marked = mark_lone_surrogates(json.dumps(value).encode())
    expected = "".join("\0" if "\ud800" <= character <= "\udfff" else character for character in value)
    assert json.loads(marked if marked is not None else json.dumps(value)) == expected
