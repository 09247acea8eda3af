"""Dead letters go to where they belong, and from their topic once the log has them.

The record first, its tombstone after: a crash between the two leaves the letter standing, and replaying it once more
changes nothing, since a repeat is recognised by its identity.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiokafka.errors import KafkaError

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, Rejected
from livestream.kafka import AIOKafkaProducer
from livestream.letters import Letter
from livestream.retries import describe
from livestream_local.dead_letters.deletions import reading_deletions
from livestream_local.dead_letters.judging import Place
from livestream_local.dead_letters.originals import reading_originals
from livestream_local.dead_letters.planning import Left, Planned, Planner
from livestream_local.errors import LauncherError
from livestream_local.producing import producing
from livestream_local.stack import Stack

# So many are on the way at once: enough that acknowledgements do not set the pace, in the memory of a small machine.
_BATCH_LETTERS: Final = 500
_BATCH_BYTES: Final = 16 * 1024 * 1024


class Replayed(NamedTuple):
    """A letter whose record is on the log again, at `offset` of its place, and which is listed no more."""

    letter: Letter
    place: Place
    offset: int


class Replayer:
    """Replays to the stack whose planner and producer it has."""

    def __init__(self, planner: Planner, producer: AIOKafkaProducer) -> None:
        self._planner = planner
        self._producer = producer

    async def plan(self, letters: AsyncIterator[Letter]) -> AsyncIterator[Planned | Left]:
        """What `replay` would do. Raises LauncherError."""
        async for batch in _batches(letters):
            for plan in await self._planner.plan(batch):
                yield plan

    async def replay(self, letters: AsyncIterator[Letter]) -> AsyncIterator[Replayed | Left]:
        """What became of each, in order; a channel's records keep theirs. Raises LauncherError."""
        async for batch in _batches(letters):
            for outcome in await self._replay_batch(await self._planner.plan(batch)):
                yield outcome

    async def _replay_batch(self, plans: Sequence[Planned | Left]) -> list[Replayed | Left]:
        # One after another, so that they stand in a partition in this order; the acknowledgements come later.
        sent = {plan.letter.at: await self._send(plan) for plan in plans if isinstance(plan, Planned)}
        outcomes = [plan if isinstance(plan, Left) else await _outcome(plan, sent[plan.letter.at]) for plan in plans]
        await self._remove([outcome.letter for outcome in outcomes if isinstance(outcome, Replayed)])
        return outcomes

    async def _send(self, plan: Planned) -> "asyncio.Future[Any]":
        letter, place = plan
        try:
            sent: asyncio.Future[Any] = await self._producer.send(
                place.topic, letter.value, key=place.key, partition=place.partition, headers=letter.headers
            )
        except KafkaError as error:
            sent = asyncio.get_running_loop().create_future()
            sent.set_exception(error)
        return sent

    async def _remove(self, letters: Sequence[Letter]) -> None:
        try:
            pending = [
                await self._producer.send(DEAD_LETTER_TOPIC, None, key=str(letter.coordinates).encode())
                for letter in letters
            ]
            await asyncio.gather(*pending)
        except KafkaError as error:
            raise LauncherError(
                f"{len(letters)} dead letters were replayed, but Kafka did not take the note that they were "
                f"({describe(error)}). They are still listed; replaying them again changes nothing."
            ) from None


@asynccontextmanager
async def replaying(stack: Stack, *, force: bool) -> AsyncIterator[Replayer]:
    """Everything that a replay needs. Raises LauncherError where it cannot be reached."""
    async with (
        producing(stack.kafka_bootstrap_servers) as producer,
        reading_originals(stack.kafka_bootstrap_servers) as originals,
        reading_deletions(stack.database_url) as deletions,
    ):
        partitions = len(await producer.partitions_for(MESSAGES_TOPIC))
        yield Replayer(Planner(originals, deletions, partitions, force=force), producer)


async def _batches(letters: AsyncIterator[Letter]) -> AsyncIterator[list[Letter]]:
    batch: list[Letter] = []
    size = 0
    async for letter in letters:
        batch.append(letter)
        size += len(letter.value)
        if len(batch) >= _BATCH_LETTERS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _outcome(plan: Planned, sent: "asyncio.Future[Any]") -> Replayed | Left:
    try:
        return Replayed(plan.letter, plan.place, (await sent).offset)
    except KafkaError as error:
        return Left(plan.letter, Rejected("not-taken", f"Kafka did not take it: {describe(error)}"))
