"""How long a message takes from ingest's 202, and from the request's begin, to a viewer's stream.

`./live bench latency` measures at some rates one after the other, and then at higher ones until one message in a
hundred takes longer than a second. On a stack of its own; with --data on one that runs. --record keeps the figures in
docs/benchmarks.md.
"""

import asyncio
import math
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench.support.distribution import Distribution
from bench.support.docs import record
from bench.support.goals import Goal, at_most
from bench.support.machine import describe_machine, describe_servers
from bench.support.poster import Poster
from bench.support.stack import running_stack
from bench.support.tables import markdown_table
from bench.support.viewer import Viewer
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

WARM_UP_SECONDS: Final = 5.0  # first connections, caches and just-in-time compilation are not what a stream is like
ARRIVAL_TIMEOUT_SECONDS: Final = 15.0
RATES: Final = (100.0, 500.0, 1_000.0, 2_000.0)
GOALS_RATE: Final = 500.0
# What is looked for above them: the first rate at which the p99 is over this, or anything is lost or refused.
LIMIT_MS: Final = 1_000.0
STEP: Final = 1.5
# A load client that sends more requests than this measures itself.
REQUESTS_PER_SECOND: Final = 100


class Outcome(NamedTuple):
    """What was measured. All of it covers the time after the warm-up, but for the counts, which cover everything."""

    rate: float
    since_answer: Distribution
    since_begin: Distribution
    measured: int
    posted: int
    refused: int
    missing: int
    twice: int
    snapshots: int
    longest_tick_ms: int

    @property
    def complete(self) -> bool:
        return not (self.refused or self.missing or self.twice)

    @property
    def within_limit(self) -> bool:
        return self.complete and self.since_answer.p99 <= LIMIT_MS


@click.command()
@click.option(
    "--rate", "rates", type=click.FloatRange(min=1), multiple=True, default=RATES, show_default=True,
    help="Messages a second; give it once for each.",
)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=1), default=60, show_default=True, help="After a warm-up of 5 s.")
@click.option("--limit/--no-limit", default=True, show_default=True, help="Go on to where the p99 is over a second.")
@click.option("--data", type=click.Path(path_type=Path), help="Measure the stack that runs on this folder.")
@click.option("--port-base", type=int, help="The same stack's ports, where that is not clear.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(
    *,
    rates: tuple[float, ...],
    seconds: float,
    limit: bool,
    data: Path | None,
    port_base: int | None,
    is_recorded: bool,
) -> None:
    """Measure how long messages take from ingest to a viewer."""
    try:
        with running_stack(data, port_base) as stack:
            outcomes = asyncio.run(_measure_all(stack, rates, seconds, limit=limit))
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    asked = [outcome for outcome in outcomes if outcome.rate in rates]
    if is_recorded:
        arguments = " ".join(f"--rate {rate:g}" for rate in rates) + f" --seconds {seconds:g}"
        record("latency", _markdown(outcomes, arguments, seconds, servers), _goals(outcomes))
    sys.exit(0 if all(outcome.complete for outcome in asked) else 1)


async def _measure_all(stack: Stack, rates: Sequence[float], seconds: float, *, limit: bool) -> list[Outcome]:
    outcomes = []
    for rate in rates:
        outcomes.append(await measure(stack, rate, seconds))
        _print(outcomes[-1])
    rate = max(rates)
    while limit and outcomes[-1].within_limit:
        rate *= STEP
        outcomes.append(await measure(stack, rate, seconds))
        _print(outcomes[-1])
    return outcomes


async def measure(stack: Stack, rate: float, seconds: float) -> Outcome:
    prefix = f"{uuid.uuid4().hex[:8]}-"
    per_request = math.ceil(rate / REQUESTS_PER_SECOND)
    viewer, poster = Viewer(stack.stream_url, prefix), Poster(stack.ingest_url, prefix, per_request)
    watching = asyncio.create_task(viewer.watch())
    try:
        async with asyncio.timeout(ARRIVAL_TIMEOUT_SECONDS):
            await viewer.begun.wait()
        await poster.post(rate, WARM_UP_SECONDS + seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(ARRIVAL_TIMEOUT_SECONDS):
                while poster.posted.keys() - viewer.received_at.keys():
                    viewer.changed.clear()
                    await viewer.changed.wait()
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    return _judge(rate, poster, viewer)


def _judge(rate: float, poster: Poster, viewer: Viewer) -> Outcome:
    posted, received = poster.posted, viewer.received_at
    if not posted.keys() & received.keys():
        raise LauncherError("no message that was posted came out of the stream")
    warm_at = min(moments.begun_at for moments in posted.values()) + WARM_UP_SECONDS
    measured = [id_ for id_, moments in posted.items() if id_ in received and moments.begun_at >= warm_at]
    return Outcome(
        rate=rate,
        since_answer=Distribution.of([received[id_] - posted[id_].answered_at for id_ in measured]),
        since_begin=Distribution.of([received[id_] - posted[id_].begun_at for id_ in measured]),
        measured=len(measured),
        posted=len(posted),
        refused=poster.refused,
        missing=len(posted.keys() - received.keys()),
        twice=sum(times > 1 for times in viewer.times.values()),
        snapshots=viewer.snapshots,
        longest_tick_ms=viewer.longest_tick_ms,
    )


def _print(outcome: Outcome) -> None:
    click.echo(f"{outcome.rate:,.0f}/s, from the 202: {' '.join(f'{ms:.0f}' for ms in outcome.since_answer)} ms")
    click.secho(f"  {_counts(outcome)}", fg=None if outcome.complete else "red")


def _counts(outcome: Outcome) -> str:
    return (
        f"{outcome.measured:,} measured, of {outcome.posted:,} posted; {outcome.missing:,} missing, "
        f"{outcome.twice:,} twice, {outcome.refused:,} requests refused; "
        f"{outcome.snapshots} snapshots in between, longest tick {outcome.longest_tick_ms} ms"
    )


def _goals(outcomes: Sequence[Outcome]) -> list[Goal]:
    found = next((outcome.since_answer for outcome in outcomes if outcome.rate == GOALS_RATE), None)
    if found is None:
        return []
    pairs = (("p50", found.p50, 100), ("p95", found.p95, 150), ("p99", found.p99, 250))
    return [at_most(f"{GOALS_RATE:.0f} messages a second: {name}", ms, wanted) for name, ms, wanted in pairs]


def _markdown(outcomes: Sequence[Outcome], arguments: str, seconds: float, servers: str) -> str:
    table = markdown_table(
        ["messages a second", "from the 202: p50", "p95", "p99", "max", "from the request: p50", "p95", "p99", "max"],
        [
            [f"{each.rate:,.0f}", *(f"{ms:.0f}" for times in (each.since_answer, each.since_begin) for ms in times)]
            for each in outcomes
        ],
    )
    counts = "\n".join(f"- {outcome.rate:,.0f}/s: {_counts(outcome)}." for outcome in outcomes)
    last = outcomes[-1]
    limit = "" if last.within_limit else f"\nThe p99 passes a second, or something is lost, at {last.rate:,.0f}/s.\n"
    return f"""## Latency

Each rate for {seconds:g} s, in at most {REQUESTS_PER_SECOND} requests a second, to one viewer of `messages`; everything
(servers, services, the load and the viewer) on one machine. Milliseconds until the frame has arrived:

{table}
{limit}
{counts}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench latency {arguments} --record`
"""


if __name__ == "__main__":
    main()
