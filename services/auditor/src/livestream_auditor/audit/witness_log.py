"""The witness of a continuous audit: it reads the log on from audit to audit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from livestream_auditor.settings import Settings
from livestream_auditor.verify.dropped_history import read_baseline, read_offsets, read_retention
from livestream_auditor.verify.durable_model import DurableSnapshot, open_durable_model
from livestream_auditor.verify.findings import LogUnreadableError
from livestream_auditor.verify.log_reader import LogReader, Positions
from livestream_auditor.witness import Baseline, ChannelSample, LogFacts, ReadModel

_ANSWER_SECONDS: Final = 10.0


class StaleWitnessError(Exception):
    """What the witness has begun from is not what everything else stands on any more: it has to begin anew."""


class WitnessLog:
    """`reached` is the last position that was asked for, or where the baseline was read: nothing stands before it."""

    def __init__(self, reader: LogReader, baseline: Baseline, reached: Positions) -> None:
        self._reader = reader
        self._baseline = baseline
        self.reached = reached
        self._model: ReadModel | None = None

    @property
    def facts(self) -> LogFacts:
        return self._reader.facts

    def is_ahead_of(self, positions: Positions) -> bool:
        """Whether some partition there stands before where the witness has come to."""
        return any(
            messages < self.reached.get(partition, (0, 0))[0] or users < self.reached.get(partition, (0, 0))[1]
            for partition, (messages, users) in positions.items()
        )

    async def model_at(self, positions: Positions) -> ReadModel:
        """What is shown at `positions`, which are not before `reached`. Raises LogUnreadableError."""
        if self._model is None or positions != self.reached:
            self._model = None  # it is large
            await self._reader.advance(positions)
            users_offsets = {partition: users for partition, (_, users) in positions.items()}
            # In a thread, since the stream is read meanwhile.
            self._model = await asyncio.to_thread(ReadModel, self._reader.facts, users_offsets)
            self.reached = positions
        return self._model

    async def channels_at(self, positions: Positions) -> list[str]:
        """The sampled channels that the log tells of up to `positions`, or further. Raises LogUnreadableError."""
        if not self.is_ahead_of(positions):
            self._model = None
            await self._reader.advance(positions)
            self.reached = positions
        return self.facts.channels()

    async def check(self, snapshot: DurableSnapshot) -> None:
        """Raises StaleWitnessError where history was dropped since, or the read model in Postgres is another one.

        And LogUnreadableError where Kafka does not answer: while nothing moves, nobody else would ask it.
        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._reader.ends()
        except TimeoutError:
            raise LogUnreadableError(f"Kafka has not answered for {_ANSWER_SECONDS:.0f} s") from None
        if self.is_ahead_of(snapshot.positions):
            raise StaleWitnessError("Postgres stands before where it has been")
        if await read_offsets(snapshot) != self._baseline.offsets:
            raise StaleWitnessError("history was dropped")
        if len(await read_retention(snapshot)) != len(self._baseline.retention):
            raise StaleWitnessError("history is kept for another time")


@asynccontextmanager
async def witness_log(settings: Settings) -> AsyncIterator[WitnessLog]:
    """A new witness, which has read nothing yet. Raises CouldNotRunError."""
    async with open_durable_model(settings.database_url, settings.statement_timeout_s) as snapshot:
        baseline = await read_baseline(snapshot)
        reached = snapshot.positions
    sample = ChannelSample.of_share(settings.sample)
    async with LogReader(
        settings.kafka_servers, baseline, sample=sample, most_messages=settings.most_messages
    ) as reader:
        yield WitnessLog(reader, baseline, reached)
