"""The short way of plain posts and the event contract read the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livestream.events import FUTURE_TOLERANCE_MS, Defaults, MessagePosted, check_future, encode_event, parse_value
from livestream.times import format_ms
from livestream_ingest.plain import Post, read_plain

ARRIVAL_MS = 1_772_020_800_123
DEFAULTS = Defaults(ARRIVAL_MS, lambda: "new-id")

times = st.one_of(
    st.integers(ARRIVAL_MS - 10**12, ARRIVAL_MS + FUTURE_TOLERANCE_MS + 2).map(format_ms),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.sampled_from(
        [
            format_ms(ARRIVAL_MS + FUTURE_TOLERANCE_MS),
            format_ms(ARRIVAL_MS + FUTURE_TOLERANCE_MS + 1),
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.6789Z",
            "2026-01-02t03:04:05.678z",
            "2026-01-02 03:04:05.678Z",
            "2026-01-02T03:04:60.000Z",
            "2026-02-30T03:04:05.678Z",
            "0001-01-01T00:30:00.000+01:00",
            "9999-12-31T23:59:59.999Z",
            "2026-01-02T03:04:05.6٧8Z",
            "2026-01-02T03:04:05.67 Z",
            "2026-01-02T03:04:05.678",
            "",
        ]
    ),
)
words = st.one_of(st.text(max_size=8), st.sampled_from(["tea", "e\u0301", ".", "..", "n" * 201, "\x00", "\x7f", "😀"]))
values = st.one_of(words, times, st.none(), st.integers(), st.booleans())
objects = st.fixed_dictionaries(
    {"channel": words, "user": words, "text": words},
    optional={
        "type": st.sampled_from(["message.posted", "message.edited", "channel.deleted", "other", None]),
        "id": words,
        "ts": times,
        "channel_display_name": st.one_of(words, st.none()),
        "user_display_name": st.one_of(words, st.none()),
        "more": values,
    },
)
anything = st.dictionaries(
    st.sampled_from(["type", "channel", "user", "id", "text", "ts", "user_display_name"]), values
)


def carefully(item: bytes) -> Post | None:
    event = parse_value(item, defaults=DEFAULTS)
    if not isinstance(event, MessagePosted) or check_future(event, ARRIVAL_MS):
        return None
    return Post(event.id, event.channel, encode_event(event))


@given(st.one_of(objects, anything), st.booleans())
@example({"channel": "a", "user": "b", "text": "x" * 16_384}, True)
@example({"channel": "a", "user": "b", "text": "é" * 8_193}, True)
def test_what_is_read_plainly_is_what_the_contract_makes_of_it(item: dict[str, Any], ascii_only: bool) -> None:
    raw = json.dumps(item, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read_plain(raw, DEFAULTS) == carefully(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"channel":"a","user":"b","text":"\\ud800"}', b"null"]
)
def test_what_cannot_be_read_is_left_to_the_contract(raw: bytes) -> None:
    assert read_plain(raw, DEFAULTS) is None


def test_of_fields_that_stand_twice_the_last_counts_both_ways() -> None:
    raw = b'{"channel":"a","user":"b","text":"first","text":"last","channel":"c"}'
    post = read_plain(raw, DEFAULTS)
    assert post is not None
    assert post == carefully(raw)
    assert msgspec.json.decode(post.value)["text"] == "last"
