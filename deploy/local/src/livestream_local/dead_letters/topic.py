"""The dead letter topic, read whole.

It is read twice: first to learn which letters stand, then for those that are wanted. So a topic of any size is shown
and replayed in little memory, though a letter may have megabytes.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple, Self

from aiokafka.errors import KafkaError

from livestream.fold import Coordinates
from livestream.letter_topic import LetterTopic
from livestream.letters import Letter, read_letter
from livestream.retries import describe
from livestream_local.errors import LauncherError


class Entry(NamedTuple):
    """A letter that stands: its offset on the topic, where its record lay, and its reason."""

    at: int
    coordinates: Coordinates
    reason: str


class DeadLetterTopic:
    """The topic up to where it ended when it was opened. Methods raise LauncherError where it cannot be read."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._topic = LetterTopic(bootstrap_servers)
        self.foreign = 0  # records that `standing` found to be no dead letters of ours

    async def __aenter__(self) -> Self:
        try:
            await self._topic.__aenter__()
        except KafkaError as error:
            raise _unreadable(error) from None
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._topic.__aexit__(*raised)

    async def standing(self) -> list[Entry]:
        """The letters that were neither replayed nor erased, in the order in which they were buried."""
        newest: dict[bytes, Entry | None] = {}
        self.foreign = 0
        async for record in self._records(self._topic.start, self._topic.end):
            letter = read_letter(record)
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
        try:
            async for batch in self._topic.batches(start, end):
                for record in batch:
                    yield record
        except KafkaError as error:
            raise _unreadable(error) from None


def _unreadable(error: BaseException) -> LauncherError:
    return LauncherError(f"the dead letters cannot be read from Kafka: {describe(error)}")
