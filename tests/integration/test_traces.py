"""One event, followed by its trace through all services to the frame."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from livestream.events import MESSAGES_TOPIC
from livestream.partitioning import partition_of
from tests.support.collector import Collector, Told, running_collector
from tests.support.ingest import IngestClient
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import PARTITIONS
from tests.support.waiting import wait_until

POST = "POST /v1/messages"
FOLD, PUBLISH, FRAME = f"fold {MESSAGES_TOPIC}", "publish", "frame"
TOLD_S = 30


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, collector: Collector) -> Iterator[RunningStack]:
    # What is sampled is told soon, and only what others have begun to trace is.
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with start_stack(environment, only=["ingest", "projector", "gateway"]) as running:
        # What was folded before the first epoch is in that, and not in a delta.
        wait_until(lambda: "epoch_followed" in running.log("gateway"), TOLD_S)
        yield running


class Upstream:
    """A span of somebody else's, which what we do is a part of."""

    def __init__(self, *, is_sampled: bool = True) -> None:
        self.trace, self.span = os.urandom(16).hex(), os.urandom(8).hex()
        self.parent = f"00-{self.trace}-{self.span}-{int(is_sampled):02}"


async def told(collector: Collector, trace: str, names: set[str]) -> dict[str, Told]:
    def spans() -> dict[str, Told]:
        found = collector.of(trace)
        return found if found.keys() >= names else {}

    return await asyncio.to_thread(wait_until, spans, TOLD_S, f"being told of {names}")


def message(unique: str, text: str = "traced") -> dict[str, str]:
    return {"channel": f"{unique}-tea", "user": unique, "text": text}


async def test_a_post_is_followed_to_the_frame(ingest: IngestClient, collector: Collector, unique: str) -> None:
    upstream = Upstream()
    answer = await ingest.post([message(unique), message(unique)], traceparent=upstream.parent)
    assert answer.status == 202
    spans = await told(collector, upstream.trace, {POST, FOLD, PUBLISH, FRAME})

    assert spans[POST].parent == upstream.span
    assert spans[FOLD].parent == spans[POST].span
    assert spans[PUBLISH].parent == spans[FOLD].span
    assert spans[FRAME].parent == spans[PUBLISH].span
    assert [spans[name].service for name in (POST, FOLD, PUBLISH, FRAME)] == [
        "livestream-ingest", "livestream-projector", "livestream-projector", "livestream-gateway",
    ]  # fmt: skip
    assert spans[POST].attributes["http.response.status_code"] == 202
    assert spans[FOLD].attributes["messaging.batch.message_count"] == 2
    assert spans[FRAME].attributes["cursor"]
    assert all(span.start_ns <= span.end_ns for span in spans.values())
    assert spans[FOLD].end_ns <= spans[PUBLISH].start_ns <= spans[FRAME].start_ns


async def test_names_and_texts_are_not_told(ingest: IngestClient, collector: Collector, unique: str) -> None:
    upstream = Upstream()
    await ingest.post(message(unique, "a secret"), traceparent=upstream.parent)
    deleted = Upstream()
    answer = await ingest.request("DELETE", f"/v1/users/{unique}", traceparent=deleted.parent)
    assert answer.status == 202
    spans = await told(collector, upstream.trace, {POST, FRAME})
    spans |= await told(collector, deleted.trace, {"DELETE /v1/users/{name}"})
    assert unique not in repr(spans)
    assert "secret" not in repr(spans)


async def test_who_produces_is_followed_too(log: KafkaLog, collector: Collector) -> None:
    upstream = Upstream()
    event = b'{"id":"traced","channel":"direct","user":"ann","text":"hi","ts":"2026-01-02T03:04:05Z"}'
    headers = [("traceparent", upstream.parent.encode()), ("traceparent", b"\xff no trace")]
    await log.append_raw(event, partition_of("direct", PARTITIONS), headers)
    spans = await told(collector, upstream.trace, {FOLD, PUBLISH, FRAME})
    assert spans[FOLD].parent == upstream.span


async def test_what_is_not_sampled_is_not_told(ingest: IngestClient, collector: Collector, unique: str) -> None:
    silent, loud = Upstream(is_sampled=False), Upstream()
    await ingest.post(message(unique), traceparent=silent.parent)
    await ingest.post(message(unique), traceparent="not a trace")
    await ingest.post(message(unique), traceparent=loud.parent)
    await told(collector, loud.trace, {POST, FOLD, PUBLISH, FRAME})
    assert not collector.of(silent.trace)


async def test_a_refused_request_says_so(ingest: IngestClient, collector: Collector) -> None:
    upstream = Upstream()
    assert (await ingest.post(b"no json", traceparent=upstream.parent)).status == 400
    spans = await told(collector, upstream.trace, {POST})
    assert spans[POST].attributes["http.response.status_code"] == 400
