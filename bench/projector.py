"""How fast the log is folded into Postgres and Redis, beside other frameworks and beside what bounds it.

`./live bench projector` measures on servers of its own, on each traffic in turn; --record keeps the figures in
docs/benchmarks.md.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench.folding import python_peers
from bench.folding.chat_traffic import HOT_MESSAGES, Chat, hot, of_file, past_of, with_repeats, zipf
from bench.folding.contest import FoldContest, FoldError, Turn, fold_contest
from bench.folding.databases import FULL, export_history
from bench.folding.programs import Bytewax, Folding, OurProjector, QuixStreams
from bench.folding.python_peers import NotInstalledError
from bench.support.chat_fill import PARTITIONS
from bench.support.docs import record
from bench.support.goals import Goal, at_least
from bench.support.machine import describe_machine
from bench.support.rounds import LEAST_ROUNDS, Rounds
from livestream_local.errors import LauncherError
from livestream_local.servers import kafka, postgres

OURS, LIMIT, ON_TOP = "ours", "copy", "on-top"
_MILLION: Final = 1_000_000
_HUNDREDTH: Final = 0.01

Compete = Callable[[], Turn]


class Traffic(NamedTuple):
    """`repeats`: some records come again, which only those take part in who promise to count them once."""

    title: str
    chat: Chat
    repeats: bool


class Outcome(NamedTuple):
    """`wrong` has what was found wrong, by contestant; `failed` who folded nothing in the end."""

    traffic: Traffic
    measured: Rounds
    wrong: dict[str, str]
    failed: dict[str, str]

    @property
    def is_exact(self) -> bool:
        """Ours, and what it is compared with; peers answer for themselves."""
        return not {OURS, LIMIT, ON_TOP} & (self.wrong.keys() | self.failed.keys())


TRAFFICS: Final = ("hot", "zipf", "repeats-1", "repeats-100")


@click.command()
@click.option("--traffic", "names", type=click.Choice(TRAFFICS), multiple=True, default=TRAFFICS, show_default=True)
@click.option("--messages", type=click.IntRange(100), default=HOT_MESSAGES, show_default=True)
@click.option("--file", type=click.Path(path_type=Path), help="NDJSON(.gz) that stands in for the hot channel.")
@click.option("--rounds", type=click.IntRange(1), default=LEAST_ROUNDS, show_default=True)
@click.option("--on-top-of", "millions", type=click.FloatRange(0), default=0, help="Millions that are there already.")
@click.option("--peers/--no-peers", "with_peers", default=True, help="Whether other frameworks take part.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(
    *,
    names: Sequence[str],
    messages: int,
    file: Path | None,
    rounds: int,
    millions: float,
    with_peers: bool,
    is_recorded: bool,
) -> None:
    """Measure how many messages a second the projector folds."""
    peers, left_out = _peers() if with_peers else ({}, ["peers: not asked for"])
    past = round(millions * _MILLION)
    try:
        outcomes = [measure(_traffic(name, messages, file), peers, rounds, past) for name in dict.fromkeys(names)]
    except (LauncherError, FoldError, OSError) as error:
        raise click.ClickException(str(error)) from None
    arguments = " ".join(f"--traffic {name}" for name in names) + f" --messages {messages} --rounds {rounds}"
    arguments += (f" --file {file.name}" if file else "") + (f" --on-top-of {millions:g}" if millions else "")
    page = _markdown(outcomes, left_out, past, arguments)
    click.echo(page)
    if is_recorded:
        record("projector", page, [goal for outcome in outcomes for goal in _goals(outcome)])
    sys.exit(0 if all(outcome.is_exact for outcome in outcomes) else 1)


def measure(traffic: Traffic, peers: dict[str, Folding], rounds: int, past: int) -> Outcome:
    """All in turn on one log. With `past`, ours also on top of so many messages, unless it is about repeats."""
    past = 0 if traffic.repeats else past
    with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder:
        # Postgres and its peers run as other users.
        Path(folder).chmod(0o755)
        with fold_contest(traffic.chat, Path(folder)) as contest:
            if past:
                contest.databases.make_full(past_of(traffic.chat, past))
            return _compete(traffic, _contestants(contest, traffic, peers, has_past=bool(past)), rounds)


def _contestants(
    contest: FoldContest, traffic: Traffic, peers: dict[str, Folding], *, has_past: bool
) -> dict[str, Compete]:
    """Ours first, since it leaves the rows that the limit copies."""

    def keep(database_url: str) -> None:
        if not contest.rows.exists():
            export_history(database_url, contest.rows)

    contestants: dict[str, Compete] = {
        OURS: lambda: contest.fold(OurProjector(), keep=keep),
        LIMIT: contest.copy,
    }
    if has_past:
        contestants[ON_TOP] = lambda: contest.fold(OurProjector(), template=FULL)
    for name, peer in peers.items():
        if peer.drops_repeats or not traffic.repeats:
            contestants[name] = partial(contest.fold, peer)
    return contestants


def _compete(traffic: Traffic, contestants: dict[str, Compete], rounds: int) -> Outcome:
    outcome = Outcome(traffic, Rounds(list(contestants), rounds), {}, {})
    for name in outcome.measured.turns():
        if name in outcome.failed:
            continue
        try:
            turn = contestants[name]()
        except FoldError as error:
            if name in (OURS, LIMIT, ON_TOP):
                raise
            outcome.failed[name] = str(error)
            click.echo(f"{traffic.title}: {name} failed: {error}", err=True)
            continue
        if turn.problem is not None:
            outcome.wrong[name] = turn.problem
        outcome.measured.note(
            name,
            a_second=turn.records / turn.seconds,
            cpu_us=turn.cpu_seconds / turn.records * _MILLION,
            postgres_us=turn.postgres_cpu_seconds / turn.records * _MILLION,
        )
        verdict = "" if turn.problem is None else f", wrong: {turn.problem}"
        click.echo(f"{traffic.title}: {name} {turn.records / turn.seconds:,.0f} a second{verdict}", err=True)
    return outcome


def _peers() -> tuple[dict[str, Folding], list[str]]:
    """Those that could be installed, and why the others could not."""
    peers: dict[str, Folding] = {}
    left_out = []
    for name, program in (("bytewax", Bytewax), ("quixstreams", QuixStreams)):
        try:
            peers[name] = program(python_peers.install(name))
        except NotInstalledError as error:
            left_out.append(str(error))
    return peers, left_out


def _traffic(name: str, messages: int, file: Path | None) -> Traffic:
    chat = zipf(messages) if name == "zipf" else of_file(file, messages) if file else hot(messages)
    match name:
        case "repeats-1":
            return Traffic("One hot channel, 1 % repeated", with_repeats(chat, _HUNDREDTH), repeats=True)
        case "repeats-100":
            return Traffic("One hot channel, all of it twice", with_repeats(chat, 1), repeats=True)
        case "zipf":
            return Traffic("Zipf: 2,000 channels, 100,000 users", chat, repeats=False)
    return Traffic("One hot channel", chat, repeats=False)


_GOALS: Final = ((LIMIT, "of COPY alone", 0.6), ("bytewax", "of Bytewax", 3), ("quixstreams", "of Quix Streams", 8))


def _goals(outcome: Outcome) -> list[Goal]:
    """Where nothing is repeated."""
    if outcome.traffic.repeats:
        return []
    measured, title = outcome.measured, outcome.traffic.title
    found = [
        at_least(f"{title}: messages a second, {what}", measured.ratio(OURS, name, "a_second"), wanted, ".2f")
        for name, what, wanted in _GOALS
        if name in measured.contestants and name not in outcome.failed
    ]
    if ON_TOP in measured.contestants:
        ratio = measured.ratio(ON_TOP, OURS, "a_second")
        found.append(at_least(f"{title}: on top of a long history, of what it is without", ratio, 0.9, ".2f"))
    return found


def _markdown(outcomes: Sequence[Outcome], left_out: Iterable[str], past: int, arguments: str) -> str:
    missing = "".join(f"Left out: {reason}\n" for reason in left_out)
    return f"""## Projector

A log that is full is folded into Postgres and, by ours, into Redis, from the first commit to the last;
{PARTITIONS} partitions, everything on one machine, each turn on a database and a Redis of its own. The limit: binary
COPY of the very rows that ours wrote, in their order, into the same empty table with the same indexes, while nothing
else runs. Bytewax has a sink of its own (staged COPY, INSERT … ON CONFLICT, counts, offset, one transaction a batch),
Quix Streams its PostgreSQLSink and counts in its state; they fill the same table, and publish nothing. Median
(least–most) of {outcomes[0].measured.count} rounds, in which all take turns; processor time in microseconds a record.

{chr(10).join(_section(outcome, past) for outcome in outcomes)}
After each turn the history was compared with what was produced, and all counts with the history.
{missing}
{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {_versions()}.
Again: `./live bench projector {arguments} --record`
"""


def _versions() -> str:
    peers = f"Bytewax {python_peers.version('bytewax')}, Quix Streams {python_peers.version('quixstreams')}"
    return f"Kafka {kafka.ARTIFACTS[0].rpartition(':')[2]}, Postgres {postgres.VERSION}, {peers}"


def _section(outcome: Outcome, past: int) -> str:
    titles = {
        OURS: "projector",
        LIMIT: "COPY alone, the limit",
        ON_TOP: f"projector, on top of {past:,} messages",
        "bytewax": "Bytewax",
        "quixstreams": "Quix Streams",
    }
    measured, chat = outcome.measured, outcome.traffic.chat
    lines = [
        f"### {outcome.traffic.title}",
        "",
        f"{len(chat):,} records.",
        "",
        "| | records a second | of the limit | ours is so many times as fast | its µs | Postgres's µs |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in measured.contestants:
        if name in outcome.failed:
            lines.append(f"| {titles[name]} | failed | | | | |")
            continue
        cells = [
            titles[name] + (" (wrong)" if name in outcome.wrong else ""),
            measured.of(name, "a_second").told(),
            measured.ratio(name, LIMIT, "a_second").told(".2f"),
            measured.ratio(OURS, name, "a_second").told(".2f"),
            measured.of(name, "cpu_us").told(".1f"),
            measured.of(name, "postgres_us").told(".1f"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\n{titles[name]} was wrong: {problem}." for name, problem in outcome.wrong.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
