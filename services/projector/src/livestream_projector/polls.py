"""What a poll of the log brings: records, read once, in chunks that a transaction can carry."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Self

import msgspec
from aiokafka.errors import NoOffsetForPartitionError

from livestream.fold import Record
from livestream.kafka import AIOKafkaConsumer
from livestream.retention import Retention
from livestream_projector.decode import read_message

_POLL_MS: Final = 100
# Texts are at most 16 KiB, but a batch of only such ones would be a hundred times the usual: cut by size as well.
_CHUNK_BYTES: Final = 8 * 1024 * 1024


async def poll(consumer: AIOKafkaConsumer, most: int) -> list[Any]:
    """The next ConsumerRecords, in the order of each partition. Raises OffsetOutOfRangeError."""
    try:
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=most)
    except NoOffsetForPartitionError:
        # aiokafka looks for a position as soon as a partition is assigned; ours comes from Postgres a moment later.
        return []
    return [record for records in polled.values() for record in records]


class Chunk(NamedTuple):
    """Records as they came, and as the fold takes them."""

    originals: list[Any]
    records: list[Record]


class Polled(msgspec.Struct):
    """`positioned` tells since when the consumer had read from where it did: see `Projector`.

    `oldest_ms`: partition → append time of its first record.
    """

    originals: list[Any] = []
    positioned: int = 0
    oldest_ms: dict[int, int] = {}
    records: list[Record] = []

    @classmethod
    def of(cls, originals: list[Any], positioned: int) -> Self:
        oldest_ms: dict[int, int] = {}
        for record in originals:
            oldest_ms.setdefault(record.partition, record.timestamp)
        return cls(originals, positioned, oldest_ms)

    def __bool__(self) -> bool:
        return bool(self.originals)

    def read(self, partitions: int, retention: Retention) -> None:
        """Decode the records, if that was not done."""
        if not self.records:
            self.records = [read_message(record, partitions, retention) for record in self.originals]

    def chunks(self) -> Iterator[Chunk]:
        """What was read, in the order of the log and in chunks of bounded size."""
        start, size = 0, 0
        for index, original in enumerate(self.originals):
            record_bytes = len(original.value or b"")
            if index > start and size + record_bytes > _CHUNK_BYTES:
                yield self._chunk(start, index)
                start, size = index, 0
            size += record_bytes
        if self.originals:
            yield self._chunk(start, len(self.originals))

    def _chunk(self, start: int, end: int) -> Chunk:
        return Chunk(self.originals[start:end], self.records[start:end])
