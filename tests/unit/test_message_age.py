"""From the log's append of a message to its frame: what a batch carries for it, and how ages are counted."""

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from livestream.deltas import Batch, decode_delta, encode_batch
from livestream.events import MESSAGES_TOPIC, MessagePosted
from livestream.fold import Record
from livestream_gateway.weighted_histogram import WeightedHistogram
from tests.support.memory_store import MemoryStore

BOUNDS = (0.1, 1.0, 5.0)
FIELDS_BEFORE_AGES = 7


def posted(offset: int, append_ms: int) -> Record:
    return Record(MESSAGES_TOPIC, 0, offset, append_ms, 0, MessagePosted("c", str(offset), "u", "text", 5))


def batch_of(*appended_ms: int) -> Batch:
    store = MemoryStore(1)
    records = [posted(offset, append_ms) for offset, append_ms in enumerate(appended_ms)]
    return store.changes_of(records, store.positions([0])).batch()


def published(batch: bytes) -> dict[bytes, bytes]:
    """An entry of the delta log as serving.lua appends it."""
    encode = msgspec.msgpack.encode
    derived = {
        b"users": encode([]),
        b"hidden": encode([]),
        b"totals": encode([1, 1, 1]),
        b"as_of": b"9",
        b"shrinks": b"0",
    }
    return {b"batch": batch, **derived}


def test_followers_are_told_when_the_log_took_the_oldest_record_of_a_batch() -> None:
    delta = decode_delta(b"1-0", published(encode_batch(batch_of(3_000, 1_000, 2_000))))
    assert delta.oldest_append_ms == 1_000
    assert len(delta.messages) == 3


def test_a_batch_of_a_release_that_did_not_tell_is_of_unknown_age() -> None:
    fields = msgspec.msgpack.decode(encode_batch(batch_of(1_000)))[:FIELDS_BEFORE_AGES]
    assert decode_delta(b"1-0", published(msgspec.msgpack.encode(fields))).oldest_append_ms == 0


@pytest.mark.parametrize("ages", [{}, {0.05: 3}, {0.1: 1, 0.11: 2, 1.0: 4, 7.0: 5}])
def test_a_weight_counts_as_so_many_observations(ages: dict[float, int]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    weighted = WeightedHistogram("age_seconds", "Ages", BOUNDS, ours)
    plain = Histogram("age_seconds", "Ages", buckets=BOUNDS, registry=theirs)
    for age, weight in ages.items():
        weighted.observe(age, weight)
        for _ in range(weight):
            plain.observe(age)
    assert told(ours) == pytest.approx(told(theirs))


def told(registry: CollectorRegistry) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in generate_latest(registry).decode().splitlines() if line[0] != "#"]
    return {name: float(value) for name, _, value in lines if "_created" not in name}
