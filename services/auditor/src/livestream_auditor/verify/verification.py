"""One verification: reads everything while it goes on moving, and compares each part at the part's own position."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from redis.asyncio import Redis

from livestream.clients import redis_client
from livestream_auditor.verify.canary import following
from livestream_auditor.verify.dropped_history import read_baseline, read_offsets
from livestream_auditor.verify.durable_model import compare_durable_model, open_durable_model
from livestream_auditor.verify.findings import CouldNotRunError, Findings, Section, UnsettledError
from livestream_auditor.verify.fold_end import await_fold
from livestream_auditor.verify.live_stream import compare_stream, read_stream
from livestream_auditor.verify.log_reader import LogReader, Positions
from livestream_auditor.verify.serving_copy import compare_serving_copy, read_serving_copy
from livestream_auditor.witness import Baseline, LogFacts, ReadModel

_ATTEMPTS: Final = 3


class Addresses(msgspec.Struct, frozen=True):
    """Where the parts of a deployment are that are compared."""

    kafka_bootstrap_servers: str
    database_url: str
    redis_url: str
    stream_url: str


class _Verification:
    """The log, read no further than each part that is compared: the parts come in the order of their positions."""

    def __init__(self, reader: LogReader, findings: Findings) -> None:
        self._reader = reader
        self._findings = findings
        self._at: Positions | None = None
        self._model: ReadModel | None = None

    async def section(self, name: str, positions: Positions) -> tuple[Section, ReadModel | None]:
        """A new section, and what has to be in it; None where `positions` lie before what was compared already."""
        section = self._findings.section(name)
        for partition, (messages, _) in positions.items():
            least = self._reader.next_offset(partition)
            section.check("position", f"partition {partition}", max(least, messages), messages)
        return section, None if section.differing else await self._model_at(positions)

    async def _model_at(self, positions: Positions) -> ReadModel:
        if self._model is None or positions != self._at:
            self._model = None  # it is large
            await self._reader.advance(positions)
            users_offsets = {partition: users for partition, (_, users) in positions.items()}
            # In a thread, since judging millions takes a while, and the stream is read meanwhile.
            self._model = await asyncio.to_thread(ReadModel, self._reader.facts, users_offsets)
            self._at = positions
        return self._model


async def verify(at: Addresses, findings: Findings, on_progress: Callable[[int, int], None]) -> LogFacts:
    """Fills `findings`; returns what the log says. Raises CouldNotRunError.

    Where history is dropped meanwhile, the parts do not stand on the same baseline, and where a big channel is deleted,
    users' counts are not what the log says for a while: it begins anew.
    """
    for _ in range(_ATTEMPTS):
        async with open_durable_model(at.database_url) as snapshot:
            baseline = await read_baseline(snapshot)
        with suppress(UnsettledError):
            facts = await _verify(at, baseline, findings, on_progress)
            async with open_durable_model(at.database_url) as snapshot:
                if await read_offsets(snapshot) == baseline.offsets:
                    return facts
        findings.sections.clear()
    raise CouldNotRunError(f"history was dropped or a big channel deleted meanwhile, {_ATTEMPTS} times in a row")


async def _verify(
    at: Addresses, baseline: Baseline, findings: Findings, on_progress: Callable[[int, int], None]
) -> LogFacts:
    """What is on the log at the beginning has to be folded, or its partition is a difference.

    Redis is read first: nothing is in it that is not in Postgres, so Postgres, read later, is level with it or ahead.
    The stream comes last, and is awaited where Redis is by then.
    """
    async with (
        closing_redis(at.redis_url) as redis,
        following(at.stream_url) as canary,
        LogReader(at.kafka_bootstrap_servers, baseline, on_progress) as reader,
    ):
        await await_fold(redis, at.database_url, await reader.record_ends(), findings.section("Log"))
        verification = _Verification(reader, findings)
        copy = await read_serving_copy(redis)
        section, model = await verification.section("Redis", copy.stand.positions)
        if model:
            compare_serving_copy(copy, model, section)
        async with open_durable_model(at.database_url) as snapshot:
            section, model = await verification.section("Postgres", snapshot.positions)
            if model:
                await compare_durable_model(snapshot, model, section)
        stream = await read_stream(canary, redis)
        section, model = await verification.section("Stream", stream.positions)
        if model:
            compare_stream(stream, model, section)
        return reader.facts


@asynccontextmanager
async def closing_redis(url: str) -> AsyncIterator[Redis]:
    redis = redis_client(url)
    try:
        yield redis
    finally:
        await redis.aclose()
