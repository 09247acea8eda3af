"""The contestants of `./live bench ingest`: each puts messages on the same log, and all of them are looked up there."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from subprocess import PIPE
from typing import Final, NamedTuple

import msgspec

from bench.posting.chat_bodies import Chat, as_array, as_ndjson, in_groups
from bench.posting.http_load import Answer, Load, post_all
from bench.posting.log_tail import Logged, LogTail
from bench.support.cpu import cpu_seconds, pin, running_on
from livestream_local.paths import CACHE, ROOT
from livestream_local.ports import free_ports
from livestream_local.report import Silence
from livestream_local.servers.kafka import Kafka
from livestream_local.services import Service
from livestream_local.supervisor import Supervisor

PARTITIONS: Final = 12
GROUP: Final = 10_000  # as many as an array may have
GROUP_CONNECTIONS: Final = 4
SINGLE_CONNECTIONS: Final = 128
_PRODUCER_START_SECONDS: Final = 30.0
_PRODUCER_SECONDS: Final = 300.0

INGEST, BEFORE, BARE_HANDLER = "ingest", "ingest-before", "bare-handler"


class Turn(NamedTuple):
    """What some messages took: in all, of the process that is measured, and of the one that feeds it (0: none does)."""

    items: int
    seconds: float
    cpu_seconds: float
    load_cpu_seconds: float = 0.0


class InexactError(Exception):
    """What was acknowledged is not what is on the log."""


class _Accepted(msgspec.Struct):
    accepted: int
    ids: list[str]


class Contest:
    """Servers that run, and ways to put messages on their log. What is measured has the first core for itself."""

    def __init__(self, supervisor: Supervisor, kafka: str, urls: dict[str, str], core: int) -> None:
        self._supervisor = supervisor
        self._kafka = kafka
        self._urls = urls
        self._core = core
        self._chat = Chat(PARTITIONS)
        self._tail = LogTail(kafka, PARTITIONS)

    def close(self) -> None:
        self._tail.close()

    async def lines(self, server: str, count: int) -> Turn:
        bodies = [as_ndjson(group) for group in in_groups(self._chat.lines(count), GROUP)]
        return await self._post(server, "application/x-ndjson", bodies, GROUP_CONNECTIONS)

    async def arrays(self, server: str, count: int) -> Turn:
        bodies = [as_array(group) for group in in_groups(self._chat.lines(count), GROUP)]
        return await self._post(server, "application/json", bodies, GROUP_CONNECTIONS)

    async def singles(self, server: str, count: int) -> Turn:
        """Without times and ids, as a simple client posts."""
        return await self._post(server, "application/json", self._chat.bare_lines(count), SINGLE_CONNECTIONS)

    async def accepted_unread(self, server: str, count: int) -> Turn:
        """As `singles`, to a server that puts nothing on the log."""
        load, cpu = await self._load(server, "application/json", self._chat.bare_lines(count), SINGLE_CONNECTIONS)
        _ids_of(load.answers)
        return Turn(count, load.seconds, cpu, load.cpu_seconds)

    async def produce(self, way: str, count: int) -> Turn:
        """By aiokafka alone; `way` is `send` or `send_batch`."""
        groups = in_groups(self._chat.records(count), GROUP)
        with tempfile.NamedTemporaryFile(prefix="livestream-bench-records-") as file:
            file.write(msgspec.msgpack.encode(groups))
            file.flush()
            seconds, cpu = await self._run_producer(way, file.name)
        ids = [[msgspec.json.decode(record.value, type=_Identified).id for record in group] for group in groups]
        check(ids, self._tail.read())
        return Turn(count, seconds, cpu)

    async def _post(self, server: str, content_type: str, bodies: Sequence[bytes], connections: int) -> Turn:
        load, cpu = await self._load(server, content_type, bodies, connections)
        ids = _ids_of(load.answers)
        check(ids, self._tail.read())
        return Turn(sum(map(len, ids)), load.seconds, cpu, load.cpu_seconds)

    async def _load(
        self, server: str, content_type: str, bodies: Sequence[bytes], connections: int
    ) -> tuple[Load, float]:
        pid = self._supervisor.pids[server]
        before = cpu_seconds(pid)
        load = await post_all(f"{self._urls[server]}/v1/messages", content_type, bodies, connections)
        return load, cpu_seconds(pid) - before

    async def _run_producer(self, way: str, path: str) -> tuple[float, float]:
        program = (sys.executable, "-m", "bench.posting.bare_producer", way, self._kafka, path)
        process = await asyncio.create_subprocess_exec(*program, stdin=PIPE, stdout=PIPE, cwd=ROOT)
        assert process.stdin is not None
        assert process.stdout is not None
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(_PRODUCER_START_SECONDS):
                await _expect(process.stdout, b"ready\n")
            pin(process.pid, [self._core])
            cpu_before, begun_at = cpu_seconds(process.pid), clock()
            process.stdin.write(b"go\n")
            async with asyncio.timeout(_PRODUCER_SECONDS):
                await _expect(process.stdout, b"done\n")
            took = clock() - begun_at, cpu_seconds(process.pid) - cpu_before
            process.stdin.write(b"end\n")
        except BaseException:
            process.kill()
            raise
        finally:
            await process.wait()
        return took


class _Identified(msgspec.Struct):
    id: str


@asynccontextmanager
async def contest(before: Path | None) -> AsyncIterator[Contest]:
    """`before`: another checkout of this project, whose ingest takes part too."""
    core, *others = sorted(os.sched_getaffinity(0))
    ports = free_ports()
    with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder, running_on(others or [core]):
        data = Path(folder)
        kafka = Kafka(data, ports.kafka, ports.kafka_controller, CACHE / "maven")
        settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
        measured = [
            Service(INGEST, "livestream_ingest", ports.ingest, settings),
            Service(BARE_HANDLER, "bench.posting.bare_handler", ports.web, {"PYTHONPATH": str(ROOT)}),
        ]
        if before is not None:
            source = {"PYTHONPATH": f"{before}/services/ingest/src:{before}/shared/src"}
            measured.append(Service(BEFORE, "livestream_ingest", ports.gateway, settings | source))
        # One after the other: the first makes the topics.
        supervisor = Supervisor([[kafka], *([service] for service in measured)], data / "logs", Silence())
        await supervisor.start()
        try:
            for service in measured:
                pin(supervisor.pids[service.name], [core])
            running = Contest(
                supervisor, kafka.bootstrap_servers, {service.name: service.url for service in measured}, core
            )
            try:
                yield running
            finally:
                running.close()
        finally:
            await supervisor.stop()


def check(requests: Sequence[Sequence[str]], logged: Sequence[Logged]) -> None:
    """Each id of each request is on the log once, nothing else is, and a request's ids keep their order by channel.

    Raises InexactError.
    """
    places = {id_: (number, place) for number, ids in enumerate(requests) for place, id_ in enumerate(ids)}
    acknowledged = sum(map(len, requests))
    found = {record.id for record in logged}
    if not len(logged) == len(found) == acknowledged or found != places.keys():
        raise InexactError(
            f"{acknowledged} messages were acknowledged, {len(logged)} are on the log, {len(found)} different ones"
        )
    last: dict[tuple[bytes, int], int] = {}
    for record in logged:
        number, place = places[record.id]
        if last.get((record.key, number), -1) >= place:
            raise InexactError(f"{record.id} overtook another message of its channel")
        last[record.key, number] = place


def _ids_of(answers: Sequence[Answer]) -> list[list[str]]:
    decode: Callable[[bytes], _Accepted] = msgspec.json.Decoder(_Accepted).decode
    ids = []
    for answer in answers:
        if answer.status != HTTPStatus.ACCEPTED:
            raise InexactError(f"an answer was {answer.status}: {answer.body[:300]!r}")
        ids.append(decode(answer.body).ids)
    return ids


async def _expect(output: asyncio.StreamReader, word: bytes) -> None:
    if (line := await output.readline()) != word:
        raise InexactError(f"the producer said {line!r}, not {word!r}")
