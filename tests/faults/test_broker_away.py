"""Kafka killed, stopped or silent under load: what was acknowledged is there, once, and nothing else was promised."""

import asyncio
from collections.abc import Iterator
from functools import partial

import psutil
import pytest

from livestream.events import MessagePosted
from livestream.serving import ServingCopy
from livestream.times import now_ms
from tests.support.followers import following
from tests.support.ingest import IngestClient
from tests.support.invariants import RECOVERY_S, assert_all_is_right, views_of
from tests.support.kafka_log import kafka_log
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import SOME_HUNDREDS, traffic
from tests.support.upstream_events import PARTITIONS
from tests.support.waiting import wait_until_async

ACK_TIMEOUT_SECONDS = 2
REPEATS = 100
# What the requests of some upstreams take beside what ingest holds anyway.
GROWTH_BYTES = 32 * 2**20


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    limits = {"KAFKA_ACK_TIMEOUT_SECONDS": str(ACK_TIMEOUT_SECONDS)}
    with start_stack(limits, only=["projector", "ingest", "gateway"]) as running:
        yield running


async def test_a_broker_killed_under_load_costs_time_but_no_message(
    stack: RunningStack, serving: ServingCopy, unique: str
) -> None:
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            for _ in range(2):
                await posting.more(200)
                await asyncio.to_thread(stack.kill, "kafka")
                await posting.more(200)
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log:
            await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


async def test_without_a_broker_nothing_is_acknowledged_and_memory_stays_bounded(
    stack: RunningStack, serving: ServingCopy, unique: str
) -> None:
    process = psutil.Process(stack.services.pid("ingest"))
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as followers:
        async with traffic(stack.ingest_url, unique) as posting:
            await posting.more(200)
            await asyncio.to_thread(stack.stop, "kafka")
            refused = posting.statuses[503]
            # What the broker acknowledged just before its end may be on its way to the upstreams still.
            first = partial(are_refused, posting.statuses, refused + SOME_HUNDREDS.upstreams)
            await wait_until_async(first, RECOVERY_S, "first refusals")
            before, memory = set(posting.acknowledged), process.memory_info().rss
            enough = partial(are_refused, posting.statuses, refused + 4 * SOME_HUNDREDS.upstreams)
            await wait_until_async(enough, RECOVERY_S, "refusals")
            assert posting.acknowledged == before
            assert process.memory_info().rss - memory < GROWTH_BYTES
            await asyncio.to_thread(stack.start, "kafka")
            await posting.more(200)
        async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log:
            await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


async def are_refused(statuses: dict[int, int], count: int) -> bool:
    return statuses[503] >= count


async def test_one_id_counts_once_however_often_it_comes(
    stack: RunningStack, ingest: IngestClient, serving: ServingCopy, unique: str
) -> None:
    """At once through ingest and directly, and again where nobody knows whether it was taken."""
    message = {"channel": unique, "user": "ann", "text": "the same", "id": "1"}
    posted = MessagePosted(unique, "1", "ann", "the same", now_ms())
    async with (
        following(stack.stream_url, views_of(unique, "ann")) as followers,
        kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log,
    ):
        answers, _ = await asyncio.gather(
            asyncio.gather(*(ingest.post(message) for _ in range(REPEATS))), log.append([posted] * REPEATS)
        )
        assert {answer.status for answer in answers} == {202}

        await asyncio.to_thread(stack.pause, "kafka")
        try:
            unknown = await asyncio.gather(*(ingest.post({**message, "id": id_}) for id_ in ("1", "2", "2")))
        finally:
            await asyncio.to_thread(stack.resume, "kafka")
        assert {(answer.status, answer.body["accepted"]) for answer in unknown} == {(503, 0)}
        for id_ in ("1", "2", "2"):
            again = partial(is_accepted, ingest, {**message, "id": id_})
            await wait_until_async(again, RECOVERY_S, "ingest that takes it")

        model = await assert_all_is_right(stack, log, serving, followers, [(unique, "1"), (unique, "2")])
        assert model.channels[unique].messages == 2


async def is_accepted(ingest: IngestClient, message: dict[str, str]) -> bool:
    return (await ingest.post(message)).status == 202
