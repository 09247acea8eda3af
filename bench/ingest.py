"""What ingest takes, beside what limits it: aiokafka alone, and a handler that does nothing but answer.

`./live bench ingest` measures on an empty Kafka of its own; --record keeps the figures in docs/benchmarks.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from bench.posting.contest import (
    BARE_HANDLER,
    BEFORE,
    GROUP,
    GROUP_CONNECTIONS,
    INGEST,
    PARTITIONS,
    SINGLE_CONNECTIONS,
    Contest,
    InexactError,
    Turn,
    contest,
)
from bench.support.docs import record
from bench.support.goals import Goal, at_least
from bench.support.machine import describe_machine
from bench.support.rounds import LEAST_ROUNDS, Rounds
from livestream.service import new_event_loop
from livestream_local.errors import LauncherError
from livestream_local.servers import kafka

_SEND_SHARE: Final = 4  # `send` is so many times slower that a quarter of the messages takes as long
_WARM_UP_SHARE: Final = 4

Compete = Callable[[], Awaitable[Turn]]


class Contestant(NamedTuple):
    """`limit`: whom it is compared with."""

    title: str
    limit: str
    compete: Compete


@click.command()
@click.option("--lines", type=click.IntRange(GROUP), default=400_000, show_default=True, help="Messages a turn.")
@click.option("--posts", type=click.IntRange(100), default=20_000, show_default=True, help="Single posts a turn.")
@click.option("--rounds", type=click.IntRange(1), default=LEAST_ROUNDS, show_default=True)
@click.option("--before", type=click.Path(path_type=Path), help="Another checkout, whose ingest takes part too.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, lines: int, posts: int, rounds: int, before: Path | None, is_recorded: bool) -> None:
    """Measure how many messages ingest takes a second."""
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            measured, contestants = runner.run(measure(lines, posts, rounds, before))
    except (LauncherError, InexactError) as error:
        raise click.ClickException(str(error)) from None
    _print(measured, contestants)
    if is_recorded:
        page = _markdown(measured, contestants, f"--lines {lines} --posts {posts} --rounds {rounds}")
        record("ingest", page, _goals(measured))


async def measure(lines: int, posts: int, rounds: int, before: Path | None) -> tuple[Rounds, Mapping[str, Contestant]]:
    async with contest(before) as running:
        for contestant in _contestants(running, lines // _WARM_UP_SHARE, posts // _WARM_UP_SHARE, before).values():
            await contestant.compete()
        contestants = _contestants(running, lines, posts, before)
        measured = Rounds(list(contestants), rounds)
        for name in measured.turns():
            turn = await contestants[name].compete()
            measured.note(
                name,
                a_second=turn.items / turn.seconds,
                a_cpu_second=turn.items / turn.cpu_seconds,
                load_share=turn.load_cpu_seconds / turn.cpu_seconds,
            )
        return measured, contestants


def _contestants(running: Contest, lines: int, posts: int, before: Path | None) -> dict[str, Contestant]:
    batches = "send_batch"
    found = {
        "ndjson": Contestant("ingest, NDJSON", batches, lambda: running.lines(INGEST, lines)),
        "array": Contestant("ingest, JSON arrays", batches, lambda: running.arrays(INGEST, lines)),
        "send": Contestant("aiokafka, `send`", batches, lambda: running.produce("send", lines // _SEND_SHARE)),
        batches: Contestant("aiokafka, `send_batch`", batches, lambda: running.produce(batches, lines)),
        "single": Contestant("ingest, single posts", "handler", lambda: running.singles(INGEST, posts)),
        "handler": Contestant("aiohttp, an empty 202", "handler", lambda: running.accepted_unread(BARE_HANDLER, posts)),
    }
    if before is not None:
        found["ndjson before"] = Contestant("NDJSON, before", batches, lambda: running.lines(BEFORE, lines))
        found["array before"] = Contestant("JSON arrays, before", batches, lambda: running.arrays(BEFORE, lines))
        found["single before"] = Contestant("single posts, before", "handler", lambda: running.singles(BEFORE, posts))
    return found


_BEFORE: Final = "Before is an older checkout, by `--before`. "
_HEADINGS: Final = ("", "a second", "a CPU second", "of the limit, a second", "a CPU second")


def _rows(measured: Rounds, contestants: Mapping[str, Contestant]) -> list[tuple[str, ...]]:
    return [
        (
            contestant.title,
            measured.of(name, "a_second").told(),
            measured.of(name, "a_cpu_second").told(),
            measured.ratio(name, contestant.limit, "a_second").told(".2f"),
            measured.ratio(name, contestant.limit, "a_cpu_second").told(".2f"),
        )
        for name, contestant in contestants.items()
    ]


def _summary(measured: Rounds) -> str:
    load = max(measured.of(name, "load_share").most for name in measured.contestants)
    against_send = measured.ratio("ndjson", "send", "a_second").told(".1f")
    return (
        f"NDJSON is {against_send} times as fast as `send`. "
        f"The load client took at most {load:.2f} of the CPU time of the server that it was measured with."
    )


def _goals(measured: Rounds) -> list[Goal]:
    pairs = (
        ("NDJSON, of `send_batch` alone", "ndjson", "send_batch", 0.5),
        ("NDJSON, of `send` alone", "ndjson", "send", 2),
        ("single posts, of a bare handler", "single", "handler", 0.6),
    )
    return [
        at_least("NDJSON, lines per CPU second", measured.of("ndjson", "a_cpu_second"), 100_000, ",.0f", "lines"),
        *(at_least(what, measured.ratio(name, of, "a_second"), wanted, ".2f") for what, name, of, wanted in pairs),
    ]


def _print(measured: Rounds, contestants: Mapping[str, Contestant]) -> None:
    table = Table(*_HEADINGS)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in _rows(measured, contestants):
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(_summary(measured), highlight=False)


def _markdown(measured: Rounds, contestants: Mapping[str, Contestant], arguments: str) -> str:
    before = _BEFORE if "ndjson before" in contestants else ""
    rows = "\n".join(f"| {' | '.join(row)} |" for row in _rows(measured, contestants))
    return f"""## Ingest

Generated chat with ids and times, {GROUP:,} messages a request over {GROUP_CONNECTIONS} connections, and single posts
without either over {SINGLE_CONNECTIONS}; {PARTITIONS} partitions, acknowledged by all replicas (one), idempotent. What
is measured has a core for itself; Kafka and the load share the others. The limits: for batches aiokafka alone, which
puts prepared records of the same bytes on the same log by `send_batch`; for single posts an aiohttp handler that reads
a body and answers. {before}Median (least–most) of {measured.count} rounds, in which all take turns.

| {" | ".join(_HEADINGS)} |
| --- | ---: | ---: | ---: | ---: |
{rows}

{_summary(measured)} After each turn the log was read: every message that was acknowledged was there, once, and in its
request's order within its channel.

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; Kafka {kafka.ARTIFACTS[0].rpartition(":")[2]}.
Again: `./live bench ingest {arguments} --record`
"""


if __name__ == "__main__":
    main()
