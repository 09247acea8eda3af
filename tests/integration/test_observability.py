"""What operators see of a running stack: a real Prometheus answers all that dashboards ask, rules work, logs tell."""

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from livestream.times import now_ms
from livestream_local.dashboards.files import DASHBOARDS
from livestream_local.dashboards.promql import WINDOW
from livestream_local.errors import LauncherError
from livestream_local.on_demand import tool
from livestream_local.plan import Scale
from tests.support.exposed_metrics import rules
from tests.support.metrics import metric
from tests.support.prometheus import Metrics, prometheus
from tests.support.stacks import SERVING, RunningStack, StartStack
from tests.support.traffic import Pace, Traffic, traffic
from tests.support.waiting import wait_until, wait_until_async

PROCESSES = {
    "livestream-ingest": ["ingest"],
    "livestream-projector": ["projector"],
    "livestream-stream-gateway": ["gateway", "gateway-2"],
    "livestream-web": ["web"],
    "livestream-auditor": ["auditor"],
}
GENTLE = Pace(2, 5, 0.2)
ANSWERED_S = 60
# Some scrapes: what is asked for is what happened since they began.
SHORT = "20s"
PROMISED_MS = 1_000
MOST_SERIES = 1_000
# Nothing goes wrong here, and these tell of nothing else. That their metrics exist is held by test_dashboards.py.
EMPTY_IN_HEALTH = {
    "sum by (job, operation) (rate(livestream_retries_total[20s]))",
    "sum by (reason) (rate(livestream_clients_cut_total[20s]))",
    "sum by (reason) (rate(livestream_ingest_turned_away_total[20s]))",
    "sum by (error) (rate(livestream_ingest_failed_batches_total[20s]))",
    "sum by (reason) (rate(livestream_unavailable_reads_total[20s]))",
}
QUERIES = [
    query.expr.replace(WINDOW, SHORT)
    for dashboard in DASHBOARDS
    for row in dashboard.rows
    for panel in row.panels
    for query in panel.queries
]


@pytest.fixture(scope="module")
def program() -> Path:
    try:
        return tool("prometheus")
    except LauncherError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"LEFT OUT, since Prometheus could not be had: {error}")


@pytest.fixture(scope="module")
def stack(program: Path, start_stack: StartStack) -> Iterator[RunningStack]:  # noqa: ARG001 - none without Prometheus
    environment = {"AUDIT_INTERVAL_SECONDS": "1", "LOG_LEVEL": "debug"}
    with start_stack(environment, only=(*SERVING, "auditor"), scale=Scale(gateways=2)) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus_url(program: Path, stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    targets = {job: [stack.url(name).removeprefix("http://") for name in names] for job, names in PROCESSES.items()}
    with prometheus(program, targets, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWERED_S)) as session:
        yield session


@pytest_asyncio.fixture
async def posting(stack: RunningStack, session: aiohttp.ClientSession, unique: str) -> AsyncIterator[Traffic]:
    """Chat, some of it refused or put aside; viewers of both gateways, and of pages."""
    async with AsyncExitStack() as open_streams, traffic(stack.ingest_url, unique, GENTLE) as posting:
        for gateway in ("gateway", "gateway-2"):
            address = f"{stack.url(gateway)}/v1/streams?view=home&view=channels/{unique}-0"
            stream = await open_streams.enter_async_context(session.get(address))
            open_streams.callback(asyncio.create_task(drained(stream)).cancel)
        asking = asyncio.create_task(ask_again_and_again(stack, session, unique))
        yield posting
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def drained(stream: aiohttp.ClientResponse) -> None:
    async for _ in stream.content.iter_any():
        pass


async def ask_again_and_again(stack: RunningStack, session: aiohttp.ClientSession, unique: str) -> None:
    """Pages, a search, a cursor that is behind, a post that is refused, and one that the fold puts aside."""
    message = f"{stack.ingest_url}/v1/channels/{unique}-0/messages/nobody-posted-it"
    while True:
        async with session.get(f"{stack.web_url}/api/v1/summary") as answer:
            cursor = (await answer.json())["cursor"]
        for path in ("/", "/messages?q=upstream", "/channels", f"/users/{unique}-nobody"):
            async with session.get(stack.web_url + path) as answer:
                assert answer.status in (200, 404)
        async with session.post(f"{stack.ingest_url}/v1/messages", json={"channel": ""}) as answer:
            assert answer.status == 422
        async with session.patch(message, json={"text": "of nothing"}) as answer:
            assert answer.status == 202
        async with session.get(f"{stack.stream_url}/v1/streams/messages?cursor={cursor}") as stream:
            await stream.content.readline()
        await asyncio.sleep(0.5)


async def test_every_query_finds_something(
    prometheus_url: str, session: aiohttp.ClientSession, posting: Traffic
) -> None:
    await posting.more(20)
    metrics = Metrics(session, prometheus_url)
    unanswered = set(QUERIES)

    async def all_are_answered() -> bool:
        answers = {query: await metrics.series(query) for query in sorted(unanswered)}
        unanswered.difference_update(query for query, series in answers.items() if any_number(series))
        return unanswered <= EMPTY_IN_HEALTH

    await wait_until_async(all_are_answered, ANSWERED_S, "an answer to all queries")
    assert set(QUERIES) >= EMPTY_IN_HEALTH


async def test_every_rule_is_evaluated_and_nothing_rings(
    prometheus_url: str, session: aiohttp.ClientSession, posting: Traffic
) -> None:
    await posting.more(20)
    metrics = Metrics(session, prometheus_url)

    async def all_are_evaluated() -> bool:
        return all(rule["health"] == "ok" for rule in await metrics.rules())

    await wait_until_async(all_are_evaluated, ANSWERED_S, "every rule being evaluated")
    found = await metrics.rules()
    assert sorted(rule["name"] for rule in found) == sorted(rule.get("alert") or rule["record"] for rule in rules())
    # What the fold puts aside here rings at once, as it should. Others would have to be so for longer than this takes.
    begun = {rule["name"] for rule in found if rule.get("state") in {"pending", "firing"}}
    assert begun <= {"LivestreamDeadLetters"}


async def test_what_is_recorded_of_ages_is_what_viewers_see(
    prometheus_url: str, session: aiohttp.ClientSession, posting: Traffic
) -> None:
    await posting.more(20)
    metrics = Metrics(session, prometheus_url)

    async def share_late() -> list[float]:
        return [late for _, late in await metrics.series("livestream:messages_late:ratio_rate5m") if 0 <= late < 1]

    assert await wait_until_async(share_late, ANSWERED_S, "messages that were told in time")

    async def all_tell() -> bool:
        told = await metrics.series("sum by (instance) (livestream_message_age_seconds_count)")
        return len(told) == len(PROCESSES["livestream-stream-gateway"])

    await wait_until_async(all_tell, ANSWERED_S, "all gateways being looked at")


async def test_a_process_has_some_hundreds_of_series(
    prometheus_url: str, session: aiohttp.ClientSession, posting: Traffic
) -> None:
    await posting.more(20)
    metrics = Metrics(session, prometheus_url)

    async def of_all_processes() -> list[float]:
        found = await metrics.series('count by (job, instance) ({__name__=~"livestream_.+"})')
        return [series for _, series in found] if len(found) == sum(map(len, PROCESSES.values())) else []

    assert max(await wait_until_async(of_all_processes, ANSWERED_S, "all processes being looked at")) < MOST_SERIES


async def test_what_waited_for_the_fold_is_told_as_old(
    stack: RunningStack, session: aiohttp.ClientSession, unique: str
) -> None:
    before = await told_late(stack, session)
    await asyncio.to_thread(stack.stop, "projector")
    posts = [{"channel": unique, "user": unique, "text": str(number)} for number in range(3)]
    async with session.post(f"{stack.ingest_url}/v1/messages", json=posts) as answer:
        assert answer.status == 202
    posted_ms = now_ms()
    await asyncio.to_thread(wait_until, lambda: now_ms() - posted_ms > PROMISED_MS, what="the promise being broken")
    await asyncio.to_thread(stack.start, "projector")

    async def all_are_told() -> bool:
        return await told_late(stack, session) >= before + len(posts)

    await wait_until_async(all_are_told, ANSWERED_S, "all of them being told, late")


async def told_late(stack: RunningStack, session: aiohttp.ClientSession) -> float:
    name, url = "livestream_message_age_seconds", stack.url("gateway")
    in_time = await metric(session, url, f"{name}_bucket", le=f"{PROMISED_MS / 1000}")
    return await metric(session, url, f"{name}_count") - in_time


async def test_a_stream_can_be_followed_in_the_log(
    stack: RunningStack, session: aiohttp.ClientSession, unique: str
) -> None:
    address = f"{stack.url('gateway')}/v1/streams/channels/{unique}?cursor="
    held = f"{'0' * 16}-7"
    async with session.get(address + held) as stream:
        while (line := await stream.content.readline()) != b"event: snapshot\n":
            assert line, "the stream ended"

    def told() -> dict[str, dict[str, object]]:
        whole, _, _ = stack.log("gateway").rpartition("\n")  # the last line may be on its way
        events = [json.loads(line) for line in whole.splitlines()]
        opened = [event for event in events if event["event"] == "stream_opened" and event["held"] == held]
        numbers = {event["stream"] for event in opened}
        return {event["event"]: event for event in events if event.get("stream") in numbers}

    await asyncio.to_thread(wait_until, lambda: "stream_closed" in told(), ANSWERED_S, "the end of the stream")
    assert told()["stream_opened"]["watches"] == "channel"
    assert told()["stream_reset"]["reason"] == "epoch"
    assert told()["stream_closed"]["held"] == told()["stream_reset"]["border"]
    assert unique not in stack.log("gateway")


def any_number(series: list[tuple[dict[str, str], float]]) -> bool:
    return any(math.isfinite(value) for _, value in series)
