"""The whole of `users.v1`, which every projector reads: one partition, few records, kept in memory."""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from livestream.events import USERS_TOPIC, Rejected
from livestream.fold import Coordinates, DeadLetter, UserDeletion
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import RETRIES, delays, describe
from livestream_projector import metrics
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.decode import checksum_of, read_user_deletion
from livestream_projector.store import PassedRecord

_POLL_MS = 500
_log = get_logger(__name__)


class UsersLog:
    """What lies on `users.v1`: deletions, and records that are none.

    The topic is read anew at every start. What a partition has passed by, below `buried_up_to`, became a dead letter
    before that; it is not buried again, since it may have been replayed or erased by now.
    """

    def __init__(
        self, bootstrap_servers: str, office: DeadLetterOffice, buried_up_to: int, retention: Retention
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._office = office
        self._buried_up_to = buried_up_to
        self._retention = retention
        self._entries: dict[int, UserDeletion | PassedRecord] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self.read_up_to = 0

    def behind(self, offset: int) -> list[UserDeletion | PassedRecord]:
        """The entries from `offset` on, in order."""
        if not self._entries or next(reversed(self._entries)) < offset:
            return []
        return [entry for at, entry in self._entries.items() if at >= offset]

    async def end(self) -> int | None:
        """The next offset of the topic, None while it is not followed. Raises KafkaError.

        Asked of the consumer that has the topic: one that was never assigned it forgets where it lies.
        """
        if self._consumer is None:
            return None
        partition = TopicPartition(USERS_TOPIC, 0)
        end: int = (await self._consumer.end_offsets([partition]))[partition]
        return end

    async def run(self) -> None:
        """Follow the topic; runs until it is cancelled."""
        waits = delays()
        while True:
            try:
                await self._follow()
            except KafkaError as error:
                RETRIES.labels("users_log").inc()
                _log.warning("users_log_failed", error=describe(error))
                await asyncio.sleep(next(waits))

    async def _follow(self) -> None:
        partition = TopicPartition(USERS_TOPIC, 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            consumer.assign([partition])
            consumer.seek(partition, next(reversed(self._entries)) + 1 if self._entries else 0)
            self._consumer = consumer
            while True:
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        await self._take(record)
                self.read_up_to = await consumer.position(partition)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _take(self, record: Any) -> None:
        read = read_user_deletion(record, self._retention)
        if isinstance(read, Rejected):
            await self._bury(record, read)
            self._entries[record.offset] = PassedRecord(record.offset, checksum_of(record))
        else:
            self._entries[record.offset] = read

    async def _bury(self, record: Any, rejected: Rejected) -> None:
        if record.offset >= self._buried_up_to:
            metrics.DEAD_LETTERS.labels(rejected.reason).inc()
            self._office.hold([record])
            await self._office.bury([DeadLetter(Coordinates(USERS_TOPIC, record.partition, record.offset), rejected)])
