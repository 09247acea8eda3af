"""What a poll of the log brings: records, read once, in runs that a transaction can carry."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiokafka.errors import NoOffsetForPartitionError

from livestream.events import ChannelDeleted
from livestream.fold import Changes, Record, split
from livestream.kafka import AIOKafkaConsumer
from livestream.retention import Retention
from livestream.tracing import now_ns
from livestream_projector.decode import read_message

_POLL_MS: Final = 100
# Texts are at most 16 KiB, but a batch of only such ones would be a hundred times the usual: cut by size as well.
_CHUNK_BYTES: Final = 8 * 1024 * 1024


async def poll(consumer: AIOKafkaConsumer, most: int) -> tuple[list[Any], int]:
    """The next ConsumerRecords, in the order of each partition, and how many more the log is known to hold behind them.

    Raises OffsetOutOfRangeError.
    """
    try:
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=most)
    except NoOffsetForPartitionError:
        # aiokafka looks for a position as soon as a partition is assigned; ours comes from Postgres a moment later.
        return [], 0
    held = consumer.assignment()
    following = sum(
        max(0, (consumer.highwater(tp) or 0) - records[-1].offset - 1) for tp, records in polled.items() if tp in held
    )
    return [record for records in polled.values() for record in records], following


class Run:
    """Records that fold in one transaction, as they came and as the fold takes them. `polled_ns`: when they came."""

    def __init__(self, originals: list[Any], records: Sequence[Record], polled_ns: int = 0) -> None:
        self.originals = originals
        self.records = records
        self.polled_ns = polled_ns
        self.changes: Changes | None = None
        # Set when its rows are on their way to Postgres, or nobody will fold this any more.
        self.is_sent = asyncio.Event()

    @property
    def is_plain(self) -> bool:
        """Whether nothing but what it touches is read and written: a channel's deletion looks at all its rows."""
        return not isinstance(self.records[0].event, ChannelDeleted)


class Polled:
    """`positioned` tells since when the consumer had read from where it did: see `Projector`.

    `waiting`: how many records wait to be folded, with those that are known to follow. `oldest_ms`: partition → append
    time of its first record.
    """

    def __init__(self, originals: list[Any], positioned: int, following: int = 0) -> None:
        self.originals = originals
        self.positioned = positioned
        self.waiting = len(originals) + following
        self.polled_ns = now_ns()
        self.oldest_ms: dict[int, int] = {}
        for record in originals:
            self.oldest_ms.setdefault(record.partition, record.timestamp)
        self._runs: list[Run] = []

    def __bool__(self) -> bool:
        return bool(self.originals)

    def runs(self, partitions: int, retention: Retention) -> list[Run]:
        """The records, decoded once, in the order of the log."""
        if not self._runs:
            records = [read_message(record, partitions, retention) for record in self.originals]
            for chunk in _by_size(self.originals):
                start = chunk.start
                for run in split(records[chunk.start : chunk.stop]):
                    self._runs.append(Run(self.originals[start : start + len(run)], run, self.polled_ns))
                    start += len(run)
        return self._runs


NOTHING: Final = Polled([], 0)


def _by_size(originals: list[Any]) -> Iterator[range]:
    """Where to cut, for chunks of bounded size."""
    start, size = 0, 0
    for index, original in enumerate(originals):
        record_bytes = len(original.value or b"")
        if index > start and size + record_bytes > _CHUNK_BYTES:
            yield range(start, index)
            start, size = index, 0
        size += record_bytes
    if originals:
        yield range(start, len(originals))
