"""Any record that a broker takes is folded, or becomes exactly one dead letter with its coordinates."""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, USERS_TOPIC, Rejected, UserDeleted, parse_record
from livestream.partitioning import partition_of
from livestream.serving import ServingCopy
from livestream_auditor.witness import LogFacts, LogRecord
from tests.support.header_names import Headers, NotUtf8, send_with_any_names
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import PARTITIONS, caught_up
from tests.support.verifying import assert_equal_to_the_log

STRUCTURED = b"application/cloudevents+json"


class Sent(NamedTuple):
    topic: str
    partition: int
    value: bytes
    headers: Headers


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["a", "b", "c", "ü", "<i>", "\u202eb"])
good_times = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.0009+01:00", "1970-01-01T00:00:00Z"]
times = st.sampled_from([*good_times * 4, "2099-01-01T00:00:00Z", "now"])
kinds = ["message.posted", "message.edited", "message.deleted", "channel.deleted", "user.deleted", "x"]
types = st.sampled_from(["message.posted"] * len(kinds) + kinds)
fields = {
    "channel": names,
    "user": names,
    "id": st.integers(1, 20).map(str),
    "text": st.text(max_size=10),
    "ts": times,
}
# Mostly right, so that much of it is folded and gets in each other's way.
events = st.fixed_dictionaries(fields, optional={"type": types, "user_display_name": names | anything, "x": anything})
spoilt = st.tuples(events, st.sampled_from([*fields, "type"]), anything).map(
    lambda drawn: drawn[0] | {drawn[1]: drawn[2]}
)
base64s = events.map(lambda event: b64encode(json.dumps(event).encode()).decode()) | st.text(max_size=5)
cloud_events = st.builds(
    lambda type_, data: {"specversion": "1.0", "type": type_, "source": "/", "id": "1"} | data,
    types,
    st.fixed_dictionaries({"data": events | anything}) | st.fixed_dictionaries({"data_base64": base64s | anything}),
)
names_of_headers = (
    st.sampled_from(["ce_specversion", "ce_type", "ce_source", "ce_id", "content-type", "dead-letter-reason"])
    | st.text(max_size=5)
    | st.binary(max_size=3).map(NotUtf8)
)
contents_of_headers = st.none() | st.binary(max_size=5) | types.map(str.encode) | st.sampled_from([b"1.0", STRUCTURED])
any_headers = st.lists(st.tuples(names_of_headers, contents_of_headers), max_size=4)
attributes = types.map(
    lambda type_: [("ce_specversion", b"1.0"), ("ce_type", type_.encode()), ("ce_source", b"/"), ("ce_id", b"1")]
)
plain = st.tuples((events | spoilt | anything).map(json.dumps).map(str.encode), st.just([]) | any_headers)
structured = st.tuples(cloud_events.map(json.dumps).map(str.encode), st.just([("content-type", STRUCTURED)]))
binary = st.tuples((events | spoilt).map(json.dumps).map(str.encode), attributes)
noise = st.tuples(st.binary(max_size=20), any_headers | attributes)
cut = st.tuples(plain | structured | binary, st.integers(0, 80)).map(
    lambda drawn: (drawn[0][0][: drawn[1]], drawn[0][1])
)
contents: st.SearchStrategy[tuple[bytes, Headers]] = plain | structured | binary | noise | cut


def place_of(value: bytes, headers: Headers) -> tuple[str, int]:
    """Where it belongs, if it is anything; else on partition 0."""
    event = parse_record(MESSAGES_TOPIC, value, headers)
    if isinstance(event, UserDeleted) or (isinstance(event, Rejected) and event.reason == "wrong-topic"):
        return USERS_TOPIC, 0
    return MESSAGES_TOPIC, 0 if isinstance(event, Rejected) else partition_of(event.channel, PARTITIONS)


@st.composite
def records(draw: st.DrawFn) -> Sent:
    value, headers = draw(contents)
    right = place_of(value, headers)
    anywhere = st.tuples(st.just(MESSAGES_TOPIC), st.integers(0, PARTITIONS - 1)) | st.just((USERS_TOPIC, 0))
    return Sent(*draw(st.just(right) | st.just(right) | anywhere), value, headers)


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "gateway"]) as running:
        yield running


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(sent=st.lists(records(), min_size=20, max_size=30))
async def test_every_record_is_folded_or_is_one_dead_letter(
    stack: RunningStack, producer: AIOKafkaProducer, log: KafkaLog, serving: ServingCopy, sent: list[Sent]
) -> None:
    projector = stack.services.pid("projector")
    for record in sent:
        await send_with_any_names(producer, *record)
    _, _, appended = await caught_up(log, serving)
    assert await buried(log) == Counter(refused(appended))
    assert stack.services.pid("projector") == projector


async def test_what_was_folded_of_it_is_shown(stack: RunningStack, log: KafkaLog, serving: ServingCopy) -> None:
    """As the witness finds it on the log; and there was much of both kinds."""
    _, _, appended = await caught_up(log, serving)
    assert 100 < len(refused(appended)) < len(appended) - 100
    await assert_equal_to_the_log(stack)


def refused(appended: Sequence[LogRecord]) -> list[str]:
    """The coordinates of what the witness refuses."""
    facts, found = LogFacts(PARTITIONS), []
    for record in appended:
        before = facts.refused.total()
        facts.take(record)
        if facts.refused.total() > before:
            found.append(f"{record.topic}/{record.partition}/{record.offset}")
    return found


async def buried(log: KafkaLog) -> Counter[str]:
    """How often each record became a dead letter, by the coordinates that the letters name."""
    return Counter(coordinates_in(letter.headers) for letter in await log.read(DEAD_LETTER_TOPIC))


def coordinates_in(headers: Sequence[tuple[str, bytes]]) -> str:
    first: dict[str, Any] = {}
    for name, content in headers:
        first.setdefault(name, content)
    return "/".join(first[f"dead-letter-{part}"].decode() for part in ("topic", "partition", "offset"))
