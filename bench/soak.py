"""Everything at once for a while: load, clients, changes, a rebuild, and faults at random moments.

`./live bench soak` ends with a verification, and with each client compared with a new one. --record keeps the figures
in docs/benchmarks.md. What breaks the stack and what holds it to its promises are those of tests/faults.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import click
from aiokafka.errors import KafkaError

from bench.support.docs import record
from bench.support.havoc import Havoc
from bench.support.machine import describe_machine
from livestream.clients import redis_client
from livestream.events import ChannelDeleted, UserDeleted
from livestream.logs import configure_logs, get_logger
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_local.plan import Scale
from tests.support.followers import Followers, following
from tests.support.invariants import assert_all_is_right, views_of
from tests.support.kafka_log import KafkaLog, kafka_log
from tests.support.rebuilding import start_rebuild
from tests.support.servers import EmbeddedServers
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import Pace, traffic
from tests.support.upstream_events import PARTITIONS, messages

_UPSTREAMS: Final = 4
_REQUESTS_A_SECOND: Final = 2.5  # of each upstream
_CHANGES_EVERY_SECONDS: Final = 2.0
_CHANGED: Final = 40  # messages, with edits and deletions of some, each time
_SETTLED_SECONDS: Final = 180.0  # the last faults may still be mended, and two cores have a backlog to fold

_log = get_logger(__name__)


class Outcome(NamedTuple):
    """All of it held; else there is none."""

    acknowledged: int
    shown: int
    records: int
    faults: Counter[str]
    answers: Counter[int]
    clients: int
    connections: int
    snapshots: Counter[str]
    rebuilds: int
    settled_s: float


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.2), default=10, show_default=True)
@click.option("--rate", type=click.IntRange(min=10), default=1_000, show_default=True, help="Messages a second.")
@click.option("--seed", type=int, help="Of the faults; one of its own by default.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, minutes: float, rate: int, seed: int | None, is_recorded: bool) -> None:
    """Break everything for a while, and see whether anybody was told anything wrong."""
    configure_logs("soak", "console", "info")
    seed = Random().randrange(10_000) if seed is None else seed
    _log.info("soak_begun", minutes=minutes, rate=rate, seed=seed)
    with _stack() as stack:
        outcome = asyncio.run(soak(stack, minutes * 60, rate, seed))
    click.echo(_summary(outcome))
    if is_recorded:
        record("soak", _markdown(outcome, minutes, rate, seed))


@contextmanager
def _stack() -> Iterator[RunningStack]:
    with (
        tempfile.TemporaryDirectory(prefix="livestream-soak-") as folder,
        StartStack(EmbeddedServers, lambda: Path(folder))(scale=Scale(projectors=2)) as stack,
    ):
        yield stack


async def soak(stack: RunningStack, seconds: float, rate: int, seed: int) -> Outcome:
    """Raises AssertionError where a promise is broken."""
    redis = redis_client(stack.redis_url)
    pace = Pace(_UPSTREAMS, round(rate / _UPSTREAMS / _REQUESTS_A_SECOND), 1 / _REQUESTS_A_SECOND)
    havoc = Havoc(stack, seed)
    try:
        async with (
            kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log,
            following(stack.stream_url, views_of("soak-0", "soak-user-0")) as followers,
        ):
            async with traffic(stack.ingest_url, "soak", pace) as posting, _meanwhile(log, havoc, seed):
                rebuilds = await _watch(stack, followers, seconds)
            ended_at = time.monotonic()
            serving = ServingCopy(redis)
            model = await assert_all_is_right(stack, log, serving, followers, posting.acknowledged, _SETTLED_SECONDS)
            settled_s = time.monotonic() - ended_at
            records = sum((await log.ends("messages.v1")).values())
    finally:
        await redis.aclose()
    reasons = Counter(reason for each in followers.all for view in each.views.values() for reason in view.reasons)
    connections = sum(each.connections for each in followers.all)
    return Outcome(
        len(posting.acknowledged), model.totals[0], records, havoc.struck, posting.statuses, len(followers.all),
        connections, reasons, rebuilds, settled_s,
    )  # fmt: skip


@asynccontextmanager
async def _meanwhile(log: KafkaLog, havoc: Havoc, seed: int) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(_change(log, seed)), asyncio.create_task(havoc.wreak())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), f"ended before its time: {ended}"


async def _change(log: KafkaLog, seed: int) -> None:
    """Posts of a direct upstream, edits, and deletions of messages, channels and users."""
    random, number = Random(seed), 0
    while True:
        number += 1
        events = messages(random, _CHANGED, f"direct-{number % 5}-{number // 50}")
        if random.random() < 0.2:
            events.append(UserDeleted(f"direct-{number % 5}-{number // 50}-u{random.randrange(50)}", now_ms()))
            events.append(ChannelDeleted(f"direct-{number % 5}-{number // 50}-{random.randrange(20)}", now_ms()))
        try:
            await log.append(events)
        except KafkaError as error:
            _log.info("direct_upstream_failed", error=str(error))
        await asyncio.sleep(_CHANGES_EVERY_SECONDS)


async def _watch(stack: RunningStack, followers: Followers, seconds: float) -> int:
    """Until the time is over; halfway a rebuild is begun. Returns how many came to their end."""
    async with asyncio.timeout(seconds + _SETTLED_SECONDS):
        await _check_for(followers, seconds / 2)
        rebuild = await start_rebuild(stack)
        heard = asyncio.create_task(rebuild.communicate())
        await _check_for(followers, seconds / 2)
        if rebuild.returncode is None:
            rebuild.kill()
        await heard
        return int(rebuild.returncode == 0)


async def _check_for(followers: Followers, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        followers.check()
        await asyncio.sleep(1.0)


def _summary(outcome: Outcome) -> str:
    answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(outcome.answers.items()))
    return (
        f"{outcome.acknowledged:,} messages acknowledged by ingest (answers: {answers}), all there; "
        f"{outcome.records:,} records on the log, {outcome.shown:,} messages shown. {outcome.faults.total()} faults. "
        f"{outcome.clients} clients on {outcome.connections} connections, snapshots: {_counted(outcome.snapshots)}. "
        f"{outcome.rebuilds} rebuild(s) came to their end. "
        f"Everything equal {outcome.settled_s:.0f} s after the last fault."
    )


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counts.most_common())


def _markdown(outcome: Outcome, minutes: float, rate: int, seed: int) -> str:
    return f"""## Soak

{minutes:g} minutes at {rate:,} messages a second through ingest, {_CHANGED / _CHANGES_EVERY_SECONDS:g} a second from a
direct upstream with edits and deletions, two projectors, a rebuild from the middle on, and faults at random moments:
{_counted(outcome.faults)}.

{_summary(outcome)} The verification found no difference, and each client holds what a new one is told.

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}. One run.
Again: `./live bench soak --minutes {minutes:g} --rate {rate} --seed {seed} --record`
"""


if __name__ == "__main__":
    main()
