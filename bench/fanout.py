"""What it costs to send to all who watch: our gateway beside hubs that people use, each in its turn.

`./live bench fanout` wants two cores to itself for half an hour. --record keeps the figures in docs/benchmarks.md.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from bench.streams.contestant import Contestant
from bench.streams.field import BOTH_CORES, Field, Result, run_field
from bench.streams.hubs import BATCHED_CENTRIFUGE, CENTRIFUGO, PEERS, Peer, build, go_version
from bench.streams.load import Load
from bench.streams.our_gateway import OurGateway
from bench.support.docs import record
from bench.support.goals import Goal, at_least, at_most
from bench.support.machine import describe_machine
from bench.support.rounds import LEAST_ROUNDS
from bench.support.tables import markdown_table

_FEW: Final = 1_000
_MANY: Final = 10_000
# Shorter than the time between two messages, so that each is a frame of its own, as it is with the others.
_FRAME_FOR_FRAME: Final = {"TICK_MS": "10"}
_OURS: Final = "ours"
_SLOWER: Final = f"{_OURS}, 200 ms"


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=LEAST_ROUNDS, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=5, show_default=True, help="Of each load.")
@click.option("--only", type=click.Choice(["few", "many", "cores", "job"]), multiple=True, help="Some parts of it.")
@click.option("--clients", type=click.IntRange(min=1), help="So many in each part, to try it.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, rounds: int, seconds: float, only: tuple[str, ...], clients: int | None, is_recorded: bool) -> None:
    """Measure what sending one thing to thousands costs, and what it costs others."""
    go = go_version()
    peers = PEERS if go else ()
    if not go:
        click.echo("Go is not here: left out are " + ", ".join(peer.name for peer in (*PEERS, BATCHED_CENTRIFUGE)))
    for peer in peers:
        build(peer)
    fields = {name: field for name, field in _fields(peers, seconds).items() if name in only or not only}
    if clients:
        fields = {name: field._replace(clients=clients) for name, field in fields.items()}
    load_average = os.getloadavg()[0]
    results = {name: asyncio.run(run_field(field, rounds)) for name, field in fields.items()}
    text = _markdown(results, _conditions(load_average, rounds, seconds, go))
    click.echo(text)
    faults = [fault for result in results.values() for fault in result.faults]
    for fault in faults:
        click.echo(fault, err=True)
    if is_recorded:
        record("fanout", text, _goals(results))
    sys.exit(1 if faults else 0)


def _fields(peers: Sequence[Peer], seconds: float) -> Mapping[str, Field]:
    frames: list[Contestant] = [OurGateway(_OURS, environment=_FRAME_FOR_FRAME), *peers]
    two: list[Contestant] = [OurGateway(_OURS, processes=2, environment=_FRAME_FOR_FRAME), *peers]
    slower = OurGateway(_SLOWER, environment={"TICK_MS": "200"})
    compressed = OurGateway(f"{_OURS}, gzip", "/v1/streams/messages", "Accept-Encoding: gzip")
    batched = [BATCHED_CENTRIFUGE] if peers else []
    job: list[Contestant] = [OurGateway(_OURS), compressed, slower, *peers, *batched]
    slow, fast, large = Load(10, seconds, 300), Load(50, seconds, 300), Load(10, seconds, 10_000)
    return {
        "few": Field(frames, _FEW, {"10/s": slow, "50/s": fast, "large": large}),
        "many": Field(frames, _MANY, {"10/s": slow}),
        "cores": Field(two, _FEW, {"50/s": fast}, server_cores=BOTH_CORES, client_cores=BOTH_CORES),
        "job": Field(job, _FEW, {"job": Load(1_000, seconds)}),
    }


# Of each part: what a row is called, what is measured, how it is written, and whether more of it is better.
_FRAME_ROWS: Final = (
    ("few", "1,000 clients, 10/s of 300 B: frames", "10/s: frames per CPU second", ",.0f", True),
    ("few", "the same, 50/s: frames", "50/s: frames per CPU second", ",.0f", True),
    ("few", "the same, 50/s: messages", "50/s: messages per CPU second", ",.0f", True),
    ("few", "the same, 10/s of 10 kB: MB", "large: MB per CPU second", ",.0f", True),
    ("many", "10,000 clients, 10/s of 300 B: frames", "10/s: frames per CPU second", ",.0f", True),
    ("many", "the same: messages", "10/s: messages per CPU second", ",.0f", True),
    ("many", "KB of memory an open stream", "stream KB", ".1f", False),
    ("cores", "two cores for all, 1,000 clients, 50/s: frames", "50/s: frames per CPU second", ",.0f", True),
    ("cores", "the same: messages", "50/s: messages per CPU second", ",.0f", True),
)
_JOB_ROWS: Final = (
    ("job", "messages per CPU second", "job: messages per CPU second", ",.0f", True),
    ("job", "of one core", "job: core", ".2f", False),
    ("job", "delivered in time, of all", "job: delivered", ".1%", True),
    ("job", "p50, ms", "job: p50 ms", ",.0f", False),
    ("job", "p99, ms", "job: p99 ms", ",.0f", False),
)


_FRAME_GOALS: Final = (
    ("few", "frames per CPU second, 1,000 clients, 10/s of 300 B", "10/s: frames per CPU second", 2),
    ("many", "frames per CPU second, 10,000 clients, 10/s of 300 B", "10/s: frames per CPU second", 2),
    ("few", "MB per CPU second, 1,000 clients, 10/s of 10 kB", "large: MB per CPU second", 5),
    ("cores", "frames per CPU second, two cores for all, 1,000 clients, 50/s", "50/s: frames per CPU second", 1.5),
)


def _table(results: Mapping[str, Result], rows: Sequence[tuple[str, str, str, str, bool]]) -> str:
    shown = [row for row in rows if row[0] in results]
    if not shown:
        return ""
    names = results[shown[0][0]].rounds.contestants
    head = ["", *(f"**{name}**" if name == _OURS else name for name in names)]
    lines = []
    for part, title, measure, spec, more_is_better in shown:
        rounds = results[part].rounds
        lines.append([title, *(rounds.of(name, measure).told(spec) for name in names)])
        if more_is_better and len(names) > 1 and "delivered" not in measure:
            for ours in (name for name in names if name.startswith(_OURS)):
                ratios = [
                    "" if name.startswith(_OURS) else rounds.ratio(ours, name, measure).told(".1f") for name in names
                ]
                lines.append([f"… {ours}, of theirs", *ratios])
    return markdown_table(head, lines)


def _goals(results: Mapping[str, Result]) -> list[Goal]:
    """Of the parts that ran, where there are peers to compare with."""
    found = []
    for part, what, measure, wanted in _FRAME_GOALS:
        peers = [peer.name for peer in PEERS if part in results and peer.name in results[part].rounds.contestants]
        if peers:
            rounds = results[part].rounds
            best = max(peers, key=lambda name: rounds.of(name, measure).median)
            found.append(at_least(f"{what}, of the best hub's ({best})", rounds.ratio(_OURS, best, measure), wanted))
    if "job" in results and BATCHED_CENTRIFUGE.name in results["job"].rounds.contestants:
        job = results["job"].rounds
        for ours, how in ((_OURS, ""), (_SLOWER, " with `TICK_MS=200`")):
            for peer, wanted in ((CENTRIFUGO, 50), (BATCHED_CENTRIFUGE, 8)):
                ratio = job.ratio(ours, peer.name, "job: messages per CPU second")
                found.append(at_least(f"the job{how}: messages per CPU second, of {peer.name}'s", ratio, wanted))
            found.append(at_most(f"the job{how}: p99", job.of(ours, "job: p99 ms"), 250))
    return found


def _conditions(load_average: float, rounds: int, seconds: float, go: str | None) -> str:
    versions = ", ".join(f"{peer.name} {peer.version}" for peer in PEERS) + f", built by {go}" if go else "without Go"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {versions}. Medians of {rounds} interleaved"
        f" rounds (and the least and the most); load average before: {load_average:.1f}.\n"
        f"Again: `./live bench fanout --rounds {rounds} --seconds {seconds:g} --record`"
    )


def _markdown(results: Mapping[str, Result], conditions: str) -> str:
    client_share = max(
        rounds.of(_OURS, measure).most
        for rounds in (result.rounds for result in results.values())
        for measure in rounds.measures(_OURS)
        if measure.endswith("client/server")
    )
    return f"""## Fan-out

The real gateway behind a real Valkey, and hubs that people use, each in its turn and started afresh: the server alone
on one core; the load client, Valkey and who publishes on the other. Ours is told of messages by Valkey, the others by
one HTTP request a batch. What is counted is the server's own processor time, from the first message until all
clients have all of them, or until a second after the last one was due.

The client compares every byte that came to each of its connections with what came to the others, and looks through that
for messages that are missing, come twice or in another order. It took at most {client_share:.2f} of our server's time.

Frame for frame: events of a message each, of the same length on the wire (`messages`, uncompressed; `TICK_MS=10`).
Where a fan-out takes longer than the next message, ours puts what came meanwhile into one frame.

{_table(results, _FRAME_ROWS)}

The job: 1,000 messages a second, as people write them, in 50 batches, each to 1,000 clients. All are as by default,
but for what may wait for one client at Centrifugo and centrifuge (1 GiB, not 1 MiB: they would cut those whom they have
no time for), and for centrifuge, batched: that writes what has come in 250 ms at once, its fastest way to do this job.
Ours sends every 100 ms; beside it stands what it is to those who take gzip, as browsers do, and what `TICK_MS=200`
comes to, which is nearer to the time that one takes.
Times are from when a message was due to be published until a client had read it, of those that came in time.

{_table(results, _JOB_ROWS)}

{conditions}
"""


if __name__ == "__main__":
    main()
