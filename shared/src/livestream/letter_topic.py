"""The dead letter topic, read from its beginning to where it ended when it was opened."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from livestream.events import DEAD_LETTER_TOPIC
from livestream.kafka import AIOKafkaConsumer

_PARTITION: Final = TopicPartition(DEAD_LETTER_TOPIC, 0)
_POLL_MS: Final = 1000
_POLL_RECORDS: Final = 500
_STALLED_POLLS: Final = 30  # half a minute without a record that must be there
_START_SECONDS: Final = 20.0


class LetterTopic:
    """`start` and `end` are its offsets. Methods raise aiokafka's KafkaError where it cannot be read."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = AIOKafkaConsumer(
            DEAD_LETTER_TOPIC,
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
        )
        self.start = self.end = 0

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._consumer.start()
                self.start = (await self._consumer.beginning_offsets([_PARTITION]))[_PARTITION]
                self.end = (await self._consumer.end_offsets([_PARTITION]))[_PARTITION]
        except BaseException as error:
            await self._consumer.stop()
            if isinstance(error, TimeoutError):
                message = f"Kafka says nothing of {DEAD_LETTER_TOPIC} in {_START_SECONDS:.0f} s"
                raise KafkaTimeoutError(message) from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def batches(self, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        """The records (aiokafka ConsumerRecords) of [start, end) that compaction has left, in order, some at a time."""
        self._consumer.seek(_PARTITION, start)
        stalled = 0
        while await self._consumer.position(_PARTITION) < end:
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS)
            stalled = 0 if polled else stalled + 1
            if stalled > _STALLED_POLLS:
                raise KafkaTimeoutError(f"Kafka sends nothing more of {DEAD_LETTER_TOPIC}")
            yield [record for record in polled.get(_PARTITION, []) if record.offset < end]
