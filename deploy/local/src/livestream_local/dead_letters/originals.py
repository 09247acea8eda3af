"""A record whose dead letter was cut, read back whole from where it lies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from livestream.events import Rejected
from livestream.kafka import AIOKafkaConsumer
from livestream.letters import Letter, without_ours
from livestream.retries import describe
from livestream_local.errors import LauncherError

CUT: Final = "cut"

_READ_MS: Final = 10_000


class Originals:
    """Reads single records of the log."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def whole(self, letter: Letter) -> Letter | Rejected:
        """The letter with its whole record; that is read only where it was cut. Raises LauncherError."""
        if letter.cut_from_bytes is None:
            return letter
        topic, partition, offset = letter.coordinates.topic, letter.coordinates.partition, letter.coordinates.offset
        gone = Rejected(CUT, f"has only its beginning here, and its {letter.cut_from_bytes} bytes are off the log")
        place = TopicPartition(topic, partition)
        try:
            self._consumer.assign([place])
            start, end = await self._consumer.beginning_offsets([place]), await self._consumer.end_offsets([place])
            if not start[place] <= offset < end[place]:
                return gone
            self._consumer.seek(place, offset)
            batches = await self._consumer.getmany(timeout_ms=_READ_MS, max_records=1)
        except KafkaError as error:
            raise LauncherError(f"{letter.coordinates} cannot be read from Kafka: {describe(error)}") from None
        if not batches:
            raise LauncherError(f"{letter.coordinates} cannot be read from Kafka: it sent nothing for {_READ_MS} ms")
        [record] = batches[place]
        # A log made anew has other records at the same places.
        if (record.offset, record.timestamp) != (offset, letter.append_ms) or record.value is None:
            return gone
        return msgspec.structs.replace(
            letter, key=record.key, headers=without_ours(record.headers), value=record.value, cut_from_bytes=None
        )


@asynccontextmanager
async def reading_originals(bootstrap_servers: str) -> AsyncIterator[Originals]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="none",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        yield Originals(consumer)
    except KafkaError as error:
        raise LauncherError(f"Kafka cannot be reached: {describe(error)}") from None
    finally:
        await consumer.stop()
