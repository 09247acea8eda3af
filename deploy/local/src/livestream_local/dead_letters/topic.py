"""The dead letter topic, read whole.

It is read twice: first to learn which letters stand, then for those that are wanted. So a topic of any size is shown
and replayed in little memory, though a letter may have megabytes.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from livestream.events import DEAD_LETTER_TOPIC
from livestream.fold import Coordinates
from livestream.retries import describe
from livestream_local.dead_letters.letter import Letter, read_letter
from livestream_local.errors import LauncherError

_PARTITION: Final = TopicPartition(DEAD_LETTER_TOPIC, 0)
_POLL_MS: Final = 1000
_POLL_RECORDS: Final = 500
_STALLED_POLLS: Final = 30  # half a minute without a record that must be there
_START_SECONDS: Final = 20.0


class Entry(NamedTuple):
    """A letter that stands: its offset on the topic, where its record lay, and its reason."""

    at: int
    coordinates: Coordinates
    reason: str


class DeadLetterTopic:
    """The topic up to where it ended when it was opened. Methods raise LauncherError where it cannot be read."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = AIOKafkaConsumer(
            DEAD_LETTER_TOPIC,
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
        )
        self._start = self._end = 0
        self.foreign = 0  # records that `standing` found to be no dead letters of ours

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._consumer.start()
                self._start = (await self._consumer.beginning_offsets([_PARTITION]))[_PARTITION]
                self._end = (await self._consumer.end_offsets([_PARTITION]))[_PARTITION]
        except BaseException as error:
            await self._consumer.stop()
            if isinstance(error, TimeoutError):
                raise LauncherError(f"Kafka says nothing of {DEAD_LETTER_TOPIC} in {_START_SECONDS:.0f} s") from None
            if isinstance(error, KafkaError):
                raise _unreadable(error) from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def standing(self) -> list[Entry]:
        """The letters that were neither replayed nor erased, in the order in which they were buried."""
        newest: dict[bytes, Entry | None] = {}
        self.foreign = 0
        async for record in self._records(self._start, self._end):
            letter = read_letter(record) if record.value is not None else None
            self.foreign += letter is None and record.value is not None
            newest.pop(record.key, None)
            if letter is not None:
                newest[record.key] = Entry(letter.at, letter.coordinates, letter.rejected.reason)
        return [entry for entry in newest.values() if entry is not None]

    async def letters(self, entries: Sequence[Entry]) -> AsyncIterator[Letter]:
        """The letters behind `entries`, which stand in the topic's order."""
        if not entries:
            return
        wanted = {entry.at for entry in entries}
        async for record in self._records(entries[0].at, entries[-1].at + 1):
            if record.offset in wanted and (letter := read_letter(record)):
                yield letter

    async def _records(self, start: int, end: int) -> AsyncIterator[Any]:
        self._consumer.seek(_PARTITION, start)
        stalled = 0
        try:
            while await self._consumer.position(_PARTITION) < end:
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
                stalled = 0 if batches else stalled + 1
                if stalled > _STALLED_POLLS:
                    raise LauncherError(f"Kafka sends nothing more of {DEAD_LETTER_TOPIC}")
                for record in batches.get(_PARTITION, []):
                    if record.offset < end:
                        yield record
        except KafkaError as error:
            raise _unreadable(error) from None


def _unreadable(error: BaseException) -> LauncherError:
    return LauncherError(f"the dead letters cannot be read from Kafka: {describe(error)}")
