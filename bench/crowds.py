"""The gateway and ten thousand: at rest, at work, coming back all at once, and with one among them who does not read.

`./live bench crowds` wants two cores to itself. --record keeps the figures in docs/benchmarks.md.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import click

from bench.streams.contestant import Server, get_request
from bench.streams.crowd import Crowd
from bench.streams.field import BOTH_CORES, CLIENT_CORE, SERVER_CORE, Field, Result, run_field
from bench.streams.load import Load, Measured, measure
from bench.streams.marked_chat import MarkedChat
from bench.streams.marks import now_us
from bench.streams.our_gateway import OurGateway
from bench.streams.storm import Caught, Returning, storm
from bench.streams.watchers import Audience, Watchers
from bench.support.cpu import cpu_seconds, resident_bytes
from bench.support.docs import record
from bench.support.goals import Goal, at_least, at_most
from bench.support.machine import describe_machine
from bench.support.rounds import LEAST_ROUNDS, Rounds
from bench.support.tables import markdown_table

_MANY: Final = 10_000
_FEW: Final = 1_000
_MESSAGES: Final = "/v1/streams/messages"
_GZIP: Final = "Accept-Encoding: gzip"
_ALL_READ, _ONE_FROZEN = "all read", "one frozen"
_ONE, _TWO = "one process", "two processes"
_HOME, _COMPRESSED = "home", "messages, gzip"
# Within the window of `messages`, so that everybody can be told what was missed.
_MISSED_AT_MOST: Final = 150
_KB: Final = 1000


class Memory(NamedTuple):
    """KB a stream: when all had come, and after each part of the time that they were sent something."""

    at_rest: float
    later: list[float]


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=LEAST_ROUNDS, show_default=True)
@click.option("--seconds", type=click.FloatRange(min=1), default=10, show_default=True, help="Of each load.")
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10, show_default=True, help="Of looking at memory.")
@click.option("--clients", type=click.IntRange(min=1), default=_MANY, show_default=True)
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, rounds: int, seconds: float, minutes: float, clients: int, is_recorded: bool) -> None:
    """Measure what ten thousand clients are to the gateway."""
    load_average = os.getloadavg()[0]
    results = {name: asyncio.run(run_field(field, rounds)) for name, field in _fields(clients, seconds).items()}
    storms = asyncio.run(_storms(clients, rounds))
    memory = asyncio.run(_memory(clients, minutes))
    conditions = (
        f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}. Medians of {rounds} rounds (and the least and the most);"
        f" load average before: {load_average:.1f}.\n"
        f"Again: `./live bench crowds --rounds {rounds} --seconds {seconds:g} --minutes {minutes:g} --record`"
    )
    text = _markdown(results, storms, memory, clients, conditions)
    click.echo(text)
    faults = [fault for result in results.values() for fault in result.faults]
    faults += ["clients were told something else than what they missed"] * bool(storms.of("storm", "wrong").most)
    for fault in faults:
        click.echo(fault, err=True)
    if is_recorded:
        record("crowds", text, _goals(results["messages"].rounds, memory, clients))
    sys.exit(1 if faults else 0)


def _fields(clients: int, seconds: float) -> Mapping[str, Field]:
    few = max(clients * _FEW // _MANY, 2)
    job = {"job": Load(1_000, seconds)}
    return {
        "home": Field([OurGateway(_HOME, "/v1/streams/home")], clients, {"job": Load(100, seconds)}, may_skip=True),
        "messages": Field([OurGateway(_COMPRESSED, _MESSAGES, _GZIP)], clients, job),
        "processes": Field(
            [OurGateway(_ONE, _MESSAGES, _GZIP), OurGateway(_TWO, _MESSAGES, _GZIP, processes=2)],
            clients,
            job,
            server_cores=BOTH_CORES,
            client_cores=BOTH_CORES,
        ),
        "frozen": Field([OurGateway(_ALL_READ), OurGateway(_ONE_FROZEN)], few, job, frozen={_ONE_FROZEN: 1}),
    }


async def _storms(clients: int, rounds: int) -> Rounds:
    measured = Rounds(["storm"], rounds)
    for contestant in measured.turns():
        caught, cpu_s = await _storm(clients)
        print(caught, f"{cpu_s:.2f} s of the server", flush=True)
        measured.note(
            contestant,
            wrong=caught.wrong + caught.snapshots,
            seconds=caught.seconds,
            p50_ms=caught.latency.p50,
            p99_ms=caught.latency.p99,
            clients_per_cpu_second=caught.clients / cpu_s,
        )
    return measured


async def _storm(clients: int) -> tuple[Caught, float]:
    with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder:
        gateway = OurGateway()
        async with Crowd(CLIENT_CORE) as crowd, gateway.running(SERVER_CORE, CLIENT_CORE, Path(folder)) as server:
            returning, last = await _missing_something(server, clients)
            before = _cpu_of(server)
            caught = await crowd.ask(storm, server.addresses[0], last, returning)
            return caught, _cpu_of(server) - before


async def _missing_something(server: Server, clients: int) -> tuple[Sequence[Returning], int]:
    """Clients that hold what was there after any of the newest messages but the last."""
    chat, held = MarkedChat(), list[tuple[int, str]]()
    for _ in range(_MISSED_AT_MOST + 1):
        await server.publish(chat.rows(1, now_us()))
        held.append((chat.last, server.position() if server.position else ""))
    held.pop()
    address = server.addresses[0]
    return [
        Returning(number, get_request(_MESSAGES, address, f"Last-Event-ID: {cursor}"))
        for number, cursor in (held[client % len(held)] for client in range(clients))
    ], chat.last


async def _memory(clients: int, minutes: float) -> Memory:
    parts = 5
    with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder:
        gateway = OurGateway("home", "/v1/streams/home", _GZIP)
        async with Crowd(CLIENT_CORE) as crowd, gateway.running(SERVER_CORE, CLIENT_CORE, Path(folder)) as server:
            before = _resident(server)
            await crowd.ask(
                Watchers.come, Audience(server.addresses, [server.request], clients, True, is_gzip=True, may_skip=True)
            )
            at_rest, later, chat = _resident(server) - before, list[float](), MarkedChat()
            for _ in range(parts):
                load = Load(50, minutes * 60 / parts)
                measured = await measure(server, crowd, chat, load, clients, gateway.envelope_bytes)
                later.append((_resident(server) - before) / clients / _KB)
                print(f"memory: {later[-1]:.1f} KB a stream; {_told(measured)}", flush=True)
            return Memory(at_rest / clients / _KB, later)


def _told(measured: Measured) -> str:
    return "everything delivered" if measured.report.is_complete else str(measured.report)


def _goals(messages: Rounds, memory: Memory, clients: int) -> list[Goal]:
    growth = memory.later[-1] - memory.later[0]
    return [
        at_most(f"{clients:,} on `messages`, 1,000 a second, gzip: p99", messages.of(_COMPRESSED, "job: p99 ms"), 500),
        at_least("the same: delivered", messages.of(_COMPRESSED, "job: delivered"), 1, ".1%", "of all"),
        at_most(f"memory an open stream, of {clients:,}", memory.at_rest, 12, ".1f", "KB"),
        at_most("how much it grows in traffic", growth, 1, ".1f", "KB"),
    ]


def _markdown(results: Mapping[str, Result], storms: Rounds, memory: Memory, clients: int, conditions: str) -> str:
    rows = [
        (f"{clients:,} on `home`, 100 messages a second", "home", _HOME),
        (f"{clients:,} on `messages`, 1,000 a second, gzip", "messages", _COMPRESSED),
        ("the same on two cores with the client, one process", "processes", _ONE),
        ("the same, two processes", "processes", _TWO),
        ("1,000 on `messages`, 1,000 a second, all read", "frozen", _ALL_READ),
        ("the same, one of them does not read any more", "frozen", _ONE_FROZEN),
    ]
    measures = (
        ("delivered", ".1%"), ("p50 ms", ",.0f"), ("p99 ms", ",.0f"), ("core", ".2f"),
        ("messages per CPU second", ",.0f"), ("client/server", ".2f"),
    )  # fmt: skip
    work = [
        [title, *(results[part].rounds.of(name, f"job: {measure}").told(spec) for measure, spec in measures)]
        for title, part, name in rows
    ]
    head = ["", "delivered", "p50, ms", "p99, ms", "of a core", "messages per CPU second", "the client's time, of it"]
    told = {measure: storms.of("storm", measure) for measure in storms.measures("storm")}
    growth = memory.later[-1] - memory.later[0]
    return f"""## Crowds

The real gateway behind a real Valkey, on one core; the load client, Valkey and who publishes on the other. The client
compares every byte that came to each of its connections with what came to the others, and looks through that for
messages that are missing, come twice or in another order. Times are from when a message was due to be published until a
client had read it. `home` tells the newest 50 messages of a tick: that there it is not all of them is as it should be.

{markdown_table(head, work)}

{clients:,} clients come at once, a thousand of them connecting at a time, each with a cursor that misses 1 to
{_MISSED_AT_MOST} messages: all had exactly what they missed after {told["seconds"].told(".1f")} s; a client after
{told["p50_ms"].told(",.0f")} ms (p50) and {told["p99_ms"].told(",.0f")} ms (p99) from connecting;
{told["clients_per_cpu_second"].told(",.0f")} clients per CPU second of the gateway.

Memory of an open stream, of {clients:,} on `home`: {memory.at_rest:.1f} KB when all had come;
{", ".join(f"{kb:.1f}" for kb in memory.later)} KB while 50 messages a second were told ({growth:+.1f} KB, with the
deltas that are held for who comes back).

{conditions}
"""


def _cpu_of(server: Server) -> float:
    return sum(cpu_seconds(pid) for pid in server.pids)


def _resident(server: Server) -> int:
    return sum(resident_bytes(pid) for pid in server.pids)


if __name__ == "__main__":
    main()
