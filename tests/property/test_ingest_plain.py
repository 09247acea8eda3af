"""The short way of plain posts and the event contract read the same."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livestream.events import FUTURE_TOLERANCE_MS, Defaults, MessagePosted, check_future, encode_event, parse_value
from livestream.times import format_ms
from livestream_ingest.plain import Post, read_plain

ARRIVAL_MS = 1_772_020_800_123
DEFAULTS = Defaults(ARRIVAL_MS, lambda: "new-id")

ODD_TIMES = [
    format_ms(ARRIVAL_MS + FUTURE_TOLERANCE_MS),
    format_ms(ARRIVAL_MS + FUTURE_TOLERANCE_MS + 1),
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.6789Z",
    "2026-01-02T03:04:05.678+01:00",
    "2026-01-02t03:04:05.678z",
    "2026-01-02t03:04:05.678Z",
    "2026-01-02 03:04:05.678Z",
    "2026-01-02T03:04:60.000Z",
    "2026-02-30T03:04:05.678Z",
    "0001-01-01T00:30:00.000+01:00",
    "9999-12-31T23:59:59.999Z",
    "2026-01-02T03:04:05.6٧8Z",
    "2026-01-02T03:04:05.6x8Z",
    "2026-01-02T03:04:05.67 Z",
    "2026-01-02T03:04:05,678Z",
    "2026-01-02T03:04:05.678",
    "2026-01-02T03:04:05.678x",
    "2026-01-0aT03:04:05.678Z",
    "",
]
ODD_WORDS = [
    "",
    "e\u0301",
    ".",
    "..",
    "n" * 200,
    "n" * 201,
    "\x00",
    "\x7f",
    "\x9f",
    "\ud800",
    "😀",
    "message.posted",
    "x" * 16_385,
]
PLAIN = {
    "type": "message.posted",
    "channel": "tea",
    "user": "ann",
    "id": "1",
    "text": "hello",
    "ts": format_ms(ARRIVAL_MS),
    "channel_display_name": "Tea",
    "user_display_name": "Ann",
}

words = st.one_of(st.text(max_size=8), st.sampled_from(ODD_WORDS))
times = st.one_of(
    st.integers(ARRIVAL_MS - 10**12, ARRIVAL_MS + FUTURE_TOLERANCE_MS + 2).map(format_ms),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.sampled_from(ODD_TIMES),
)
values = st.one_of(words, times, st.none(), st.integers(), st.booleans())
changes = st.dictionaries(st.sampled_from([*PLAIN, "more"]), values, max_size=3)
absent = st.sets(st.sampled_from([*PLAIN]), max_size=3)


def carefully(item: bytes) -> Post | None:
    event = parse_value(item, defaults=DEFAULTS)
    if not isinstance(event, MessagePosted) or check_future(event, ARRIVAL_MS):
        return None
    return Post(event.id, event.channel, encode_event(event))


def agreed(item: dict[str, Any], *, ascii_only: bool = True) -> Post | None:
    raw = json.dumps(item, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    post = read_plain(raw, DEFAULTS)
    assert post == carefully(raw)
    return post


@given(changes, absent, st.booleans())
def test_what_is_read_plainly_is_what_the_contract_makes_of_it(
    changed: dict[str, Any], left_out: set[str], ascii_only: bool
) -> None:
    item = PLAIN | changed
    agreed({field: value for field, value in item.items() if field not in left_out}, ascii_only=ascii_only)


@pytest.mark.parametrize("field", PLAIN)
def test_each_field_by_itself_is_read_as_the_contract_says(field: str) -> None:
    for value in (*ODD_WORDS, *ODD_TIMES, None, 7):
        agreed(PLAIN | {field: value})
    agreed({other: value for other, value in PLAIN.items() if other != field})


def test_what_most_upstreams_send_is_plain() -> None:
    """Else the short way would be of no use, and nobody would notice."""
    assert agreed(PLAIN)
    assert agreed({field: PLAIN[field] for field in ("channel", "user", "text")})
    assert agreed(PLAIN | {"ts": "2026-01-02T03:04:05.678901+00:00", "user": "Zoë", "more": 1})


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
