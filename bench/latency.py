"""How long a message takes from ingest's 202, and from the request's begin, to a viewer's stream.

`./live bench latency` measures on a stack of its own; with --data on one that runs. --record keeps the figures in
docs/benchmarks.md.
"""

import asyncio
import sys
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from bench.support.distribution import Distribution
from bench.support.docs import record
from bench.support.machine import describe_machine, describe_servers
from bench.support.poster import Poster
from bench.support.stack import running_stack
from bench.support.viewer import Viewer
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

WARM_UP_SECONDS: Final = 5.0  # first connections, caches and just-in-time compilation are not what a stream is like
ARRIVAL_TIMEOUT_SECONDS: Final = 15.0


class Outcome(NamedTuple):
    """What was measured. All of it covers the time after the warm-up, but for the counts, which cover everything."""

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


@click.command()
@click.option("--rate", type=click.FloatRange(min=1), default=500, show_default=True, help="Messages a second.")
@click.option("--seconds", type=click.FloatRange(min=1), default=60, show_default=True, help="After a warm-up of 5 s.")
@click.option(
    "--per-request", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Messages a request."
)
@click.option("--data", type=click.Path(path_type=Path), help="Measure the stack that runs on this folder.")
@click.option("--port-base", type=int, help="The same stack's ports, where that is not clear.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(
    *, rate: float, seconds: float, per_request: int, data: Path | None, port_base: int | None, is_recorded: bool
) -> None:
    """Measure how long messages take from ingest to a viewer."""
    try:
        with running_stack(data, port_base) as stack:
            outcome = asyncio.run(measure(stack, rate, seconds, per_request))
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    _print(outcome)
    if is_recorded:
        arguments = f"--rate {rate:g} --seconds {seconds:g} --per-request {per_request}"
        record("latency", _markdown(outcome, arguments, rate, seconds, per_request, servers))
    sys.exit(0 if outcome.complete else 1)


async def measure(stack: Stack, rate: float, seconds: float, per_request: int) -> Outcome:
    prefix = f"{uuid.uuid4().hex[:8]}-"
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
    return _judge(poster, viewer)


def _judge(poster: Poster, viewer: Viewer) -> Outcome:
    posted, received = poster.posted, viewer.received_at
    if not posted.keys() & received.keys():
        raise LauncherError("no message that was posted came out of the stream")
    warm_at = min(moments.begun_at for moments in posted.values()) + WARM_UP_SECONDS
    measured = [id_ for id_, moments in posted.items() if id_ in received and moments.begun_at >= warm_at]
    return Outcome(
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
    table = Table("to the frame at a viewer, in ms", "p50", "p95", "p99", "max")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, distribution in _rows(outcome):
        table.add_row(name, *(f"{value:.0f}" for value in distribution))
    console = Console()
    console.print(table)
    console.print(_summary(outcome), style="" if outcome.complete else "red", highlight=False)


def _rows(outcome: Outcome) -> tuple[tuple[str, Distribution], tuple[str, Distribution]]:
    return (("from the 202", outcome.since_answer), ("from the request", outcome.since_begin))


def _summary(outcome: Outcome) -> str:
    return (
        f"{outcome.measured:,} messages measured, of {outcome.posted:,} posted; {outcome.missing:,} missing, "
        f"{outcome.twice:,} twice, {outcome.refused:,} requests refused; "
        f"{outcome.snapshots} snapshots in between, longest tick {outcome.longest_tick_ms} ms."
    )


def _markdown(outcome: Outcome, arguments: str, rate: float, seconds: float, per_request: int, servers: str) -> str:
    rows = "\n".join(
        f"| {name} | " + " | ".join(f"{value:.0f}" for value in distribution) + " |"
        for name, distribution in _rows(outcome)
    )
    return f"""## Latency

{rate:g} messages a second for {seconds:g} s, {per_request} a request, to one viewer of `messages`; everything (servers,
services, the load and the viewer) on one machine. Milliseconds until the frame has arrived:

| | p50 | p95 | p99 | max |
| --- | ---: | ---: | ---: | ---: |
{rows}

{_summary(outcome)}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench latency {arguments} --record`
"""


if __name__ == "__main__":
    main()
