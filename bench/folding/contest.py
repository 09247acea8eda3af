"""Turns in which a log is folded: servers that run, a log that is full, and what each one's fold of it took."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from bench.folding.chat_traffic import Chat
from bench.folding.databases import EMPTY, HISTORY, Databases, import_history
from bench.folding.programs import Folding, Gauge, Place
from bench.support.chat_fill import PARTITIONS, DirectProducer
from bench.support.cpu import cpu_seconds
from livestream.clients import redis_client
from livestream.serving import NoEpochError, ServingCopy
from livestream.topics import TopicSettings, ensure_topics
from tests.support.servers import EmbeddedServers

_POLL_S: Final = 0.02
_START_S: Final = 180.0  # with millions of messages there, Redis is filled first
_STALL_S: Final = 60.0
_TOPICS_S: Final = 60.0
_SERVED_S: Final = 30.0
_STOP_S: Final = 20.0
_TOLD_CHARACTERS: Final = 2_000


class FoldError(Exception):
    """A program did not fold the log; the message has the end of what it said."""


class Turn(NamedTuple):
    """From the first commit to the last. `problem`: what is wrong with the outcome; all else says nothing then."""

    records: int
    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float
    problem: str | None


class Written(NamedTuple):
    """What the history holds: rows, and characters of text."""

    messages: int
    characters: int

    @classmethod
    def of(cls, chat: Chat) -> "Written":
        """Folded exactly once."""
        texts = {(message.channel, message.id): len(message.text) for message in chat}
        return cls(len(texts), sum(texts.values()))


class _Moment(NamedTuple):
    at: float
    records: int
    cpu_seconds: float
    postgres_cpu_seconds: float


class FoldContest:
    """`chat` is on the log, all of it, and nothing else."""

    def __init__(self, servers: EmbeddedServers, chat: Chat, folder: Path) -> None:
        self.databases = Databases(servers.database_url, PARTITIONS)
        self.rows = folder / "rows"
        self._servers = servers
        self._folder = folder
        self._records = len(chat)
        self._written = Written.of(chat)
        self._turns = 0

    def fold(self, program: Folding, template: str = EMPTY, keep: Callable[[str], None] = lambda _url: None) -> Turn:
        """On a copy of `template`; `keep` gets its URL afterwards. Raises FoldError."""
        self._turns += 1
        name = f"bench_turn_{self._turns}"
        before = self._written_in(template)
        expected = Written(before.messages + self._written.messages, before.characters + self._written.characters)
        with self.databases.copy_of(template, name) as database_url:
            place = Place(
                name, self._servers.kafka_bootstrap_servers, self._servers.redis_url, database_url, self._folder
            )
            asyncio.run(_empty(place.redis_url))
            first, last = self._run(program, place, expected.messages)
            problem = self._problem(program, place, expected)
            if problem is None:
                keep(database_url)
        return Turn(
            last.records - first.records,
            last.at - first.at,
            last.cpu_seconds - first.cpu_seconds,
            last.postgres_cpu_seconds - first.postgres_cpu_seconds,
            problem,
        )

    def copy(self) -> Turn:
        """The limit: the same rows, ready, into the same table with the same indexes, and nothing else."""
        self._turns += 1
        name = f"bench_turn_{self._turns}"
        with self.databases.copy_of(EMPTY, name) as database_url:
            own, postgres, begun = time.process_time(), self._postgres_cpu(), time.perf_counter()
            import_history(database_url, self.rows)
            seconds = time.perf_counter() - begun
            took = time.process_time() - own, self._postgres_cpu() - postgres
            written = self._written_in(name)
        problem = None if written == self._written else f"{written} instead of {self._written}"
        return Turn(written.messages, seconds, *took, problem)

    def _run(self, program: Folding, place: Place, messages: int) -> tuple[_Moment, _Moment]:
        log = self._folder / f"{place.name}.log"
        environment = {**os.environ, **program.environment(place)}
        with log.open("wb") as output, program.progress(place) as done:
            process = subprocess.Popen(
                program.command(), stdout=output, stderr=output, env=environment, cwd=self._folder
            )
            try:
                try:
                    self._await(process, done, 1, _START_S)
                    first = self._moment(process, done())
                    self._await(process, done, self._records, _STALL_S)
                    if program.serves:
                        asyncio.run(_until_served(place.redis_url, messages))
                    return first, self._moment(process, done())
                finally:
                    _end(process)
            except (FoldError, TimeoutError) as error:
                said = log.read_text(errors="replace")[-_TOLD_CHARACTERS:]
                raise FoldError(f"{program.command()[-1]}: {error}\n{said}") from None

    @staticmethod
    def _await(process: "subprocess.Popen[bytes]", done: Gauge, records: int, patience_s: float) -> None:
        """Until so many are done. It may take long, but not stand still for so long."""
        reached, moved_at = done(), time.monotonic()
        while reached < records:
            time.sleep(_POLL_S)
            if process.poll() is not None:
                raise FoldError(f"it ended with {process.returncode}")
            if (now := done()) != reached:
                reached, moved_at = now, time.monotonic()
            elif time.monotonic() - moved_at > patience_s:
                raise FoldError(f"it stands still at {reached} of {records} records")

    def _moment(self, process: "subprocess.Popen[bytes]", records: int) -> _Moment:
        return _Moment(time.perf_counter(), records, cpu_seconds(process.pid), self._postgres_cpu())

    def _postgres_cpu(self) -> float:
        pid = self._servers.pid("postgres")
        assert pid is not None
        return cpu_seconds(pid)

    def _problem(self, program: Folding, place: Place, expected: Written) -> str | None:
        written = self._written_in(place.name)
        if written != expected:
            return f"{written} instead of {expected}"
        return program.problem(place, expected.messages)

    def _written_in(self, database: str) -> Written:
        with self.databases.connect(database) as connection:
            query = f"SELECT count(*), coalesce(sum(length(text)), 0)::bigint FROM {HISTORY}"  # noqa: S608 (ours)
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return Written(*row)


@contextmanager
def fold_contest(chat: Chat, folder: Path) -> Iterator[FoldContest]:
    """Servers of its own, with data in `folder`."""
    with EmbeddedServers(folder) as servers:
        asyncio.run(_make_topics(servers.kafka_bootstrap_servers))
        DirectProducer(servers.kafka_bootstrap_servers).fill(chat)
        contest = FoldContest(servers, chat, folder)
        asyncio.run(contest.databases.make_empty())
        yield contest


async def _make_topics(kafka: str) -> None:
    """A broker that has just started may not know of itself yet."""
    async with asyncio.timeout(_TOPICS_S):
        while True:
            try:
                await ensure_topics(kafka, TopicSettings(partitions=PARTITIONS))
            except KafkaError:
                await asyncio.sleep(_POLL_S)
            else:
                return


async def _empty(redis_url: str) -> None:
    redis = redis_client(redis_url)
    await redis.flushall()
    await redis.aclose()


async def _until_served(redis_url: str, messages: int) -> None:
    """Raises TimeoutError where Redis does not come to count so many."""
    redis = redis_client(redis_url)
    try:
        async with asyncio.timeout(_SERVED_S):
            while True:
                if await _served(ServingCopy(redis)) == messages:
                    return
                await asyncio.sleep(_POLL_S)
    finally:
        await redis.aclose()


async def _served(serving: ServingCopy) -> int | None:
    try:
        return (await serving.windows()).stand.totals.messages
    except NoEpochError:
        return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
