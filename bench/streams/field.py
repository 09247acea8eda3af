"""A field of contestants in rounds: each turn is a fresh server, its crowd, and one load after the other."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Final, NamedTuple

from bench.streams.contestant import Contestant, Server
from bench.streams.crowd import Crowd
from bench.streams.load import Load, Measured, measure
from bench.streams.marked_chat import MarkedChat
from bench.streams.watchers import Audience, Watchers
from bench.support.cpu import resident_bytes
from bench.support.rounds import Rounds

_KB: Final = 1000
# Of one core and of the other: the client must not be what is measured.
SERVER_CORE: Final = frozenset({0})
CLIENT_CORE: Final = frozenset({1})
BOTH_CORES: Final = frozenset({0, 1})


class Field(NamedTuple):
    """What each contestant is given: so many clients, and loads by name. A broker shares the client's cores.

    `frozen`: of a contestant's clients, so many stop reading when the load begins. `may_skip`: see `Audience`.
    """

    contestants: Sequence[Contestant]
    clients: int
    loads: Mapping[str, Load]
    server_cores: Collection[int] = SERVER_CORE
    client_cores: Collection[int] = CLIENT_CORE
    frozen: Mapping[str, int] = {}
    may_skip: bool = False

    def readers(self, contestant: Contestant) -> int:
        return self.clients - self.frozen.get(contestant.name, 0)


class Result(NamedTuple):
    """Measures are `<load>: <what>`, and `stream KB`. `faults` say what was not delivered as it should be."""

    rounds: Rounds
    faults: list[str]


async def run_field(field: Field, rounds: int) -> Result:
    result = Result(Rounds([contestant.name for contestant in field.contestants], rounds), [])
    by_name = {contestant.name: contestant for contestant in field.contestants}
    for name in result.rounds.turns():
        with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder:
            await _take_turn(field, by_name[name], Path(folder), result)
    return result


async def _take_turn(field: Field, contestant: Contestant, folder: Path, result: Result) -> None:
    async with (
        Crowd(field.client_cores) as crowd,
        contestant.running(field.server_cores, field.client_cores, folder) as server,
    ):
        before = _resident_bytes(server)
        requests = [server.request] * len(server.addresses)
        frozen = field.frozen.get(contestant.name, 0)
        audience = Audience(
            server.addresses, requests, field.clients, server.cuts_alike, server.is_gzip, frozen, field.may_skip
        )
        await crowd.ask(Watchers.come, audience)
        stream_kb = (_resident_bytes(server) - before) / field.clients / _KB
        result.rounds.note(contestant.name, **{"stream KB": stream_kb})
        chat = MarkedChat()
        for name, load in field.loads.items():
            measured = await measure(server, crowd, chat, load, field.readers(contestant), contestant.envelope_bytes)
            print(f"{contestant.name:20} {name:10} {_brief(measured)}", flush=True)
            result.rounds.note(contestant.name, **_measures(name, measured))
            if not measured.is_right:
                result.faults.append(f"{contestant.name}, {name}: {measured.report}")


def _measures(load: str, measured: Measured) -> dict[str, float]:
    report = measured.report
    latency = report.latency
    values = {
        "frames per CPU second": measured.frames_per_cpu_second,
        "messages per CPU second": measured.messages_per_cpu_second,
        "MB per CPU second": measured.mb_per_cpu_second,
        "bytes a frame": report.bytes / max(report.frames, 1),
        "delivered": measured.delivered_share,
        "client/server": report.cpu_seconds / measured.server_cpu_s,
        "core": measured.server_cpu_s / measured.seconds,
        "p50 ms": latency.p50 if latency else nan,
        "p99 ms": latency.p99 if latency else nan,
        "max ms": latency.maximum if latency else nan,
    }
    return {f"{load}: {what}": value for what, value in values.items()}


def _brief(measured: Measured) -> str:
    report = measured.report
    p99 = f"{report.latency.p99:,.0f}" if report.latency else "?"
    return (
        f"{measured.frames_per_cpu_second:9,.0f} frames, {measured.messages_per_cpu_second:9,.0f} messages,"
        f" {measured.mb_per_cpu_second:6,.0f} MB a CPU second; {measured.delivered_share:5.1%} delivered, p99 {p99} ms;"
        f" {measured.server_cpu_s:.2f} s of the server, {report.cpu_seconds:.2f} s of the client"
        f"{'' if report.is_complete else ', incomplete'}{f', {report.cut} cut' if report.cut else ''}"
    )


def _resident_bytes(server: Server) -> int:
    return sum(resident_bytes(pid) for pid in server.pids)
