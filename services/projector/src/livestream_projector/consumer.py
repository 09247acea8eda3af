"""The consumer of `messages.v1`: group membership decides who owns a partition, Postgres decides where it goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiokafka import ConsumerRebalanceListener, TopicPartition

from livestream.events import MESSAGES_TOPIC
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import get_logger
from livestream_projector import metrics

# A broker that has nothing answers after this: short, since with skewed partitions most fetches wait for others.
_FETCH_WAIT_MS: Final = 20
_PARTITION_FETCH_BYTES: Final = 8 * 1024 * 1024
# A process that was stopped for longer has lost its partitions to others.
_SESSION_TIMEOUT_MS: Final = 10_000
_HEARTBEAT_MS: Final = 3_000
# A topic that is deleted takes all assignments along; made anew, it is seen, checked and refused after this long.
_METADATA_MAX_AGE_MS: Final = 10_000

_log = get_logger(__name__)


def new_consumer(bootstrap_servers: str, group: str | None) -> AIOKafkaConsumer:
    """A consumer that sees committed records only; without a group it has to be assigned."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
        session_timeout_ms=_SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=_HEARTBEAT_MS,
        metadata_max_age_ms=_METADATA_MAX_AGE_MS,
    )


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Seeks newly assigned partitions to where Postgres says that they stand.

    `take` is given the partitions; it returns the next offset of each. `drop` is told of those that are gone.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        take: Callable[[list[int]], Awaitable[dict[int, int]]],
        drop: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._take = take
        self._drop = drop
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        _log.info("partitions_revoked", partitions=sorted(tp.partition for tp in revoked))
        self._drop()
        metrics.PARTITIONS_OWNED.set(0)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        partitions = sorted(tp.partition for tp in assigned)
        _log.info("partitions_assigned", partitions=partitions)
        try:
            offsets = await self._take(partitions)
        except Exception as error:
            # aiokafka logs what a listener raises and goes on; whoever polls has to stop instead.
            if not self.failure.done():
                self.failure.set_exception(error)
            raise
        for partition, offset in offsets.items():
            self._consumer.seek(TopicPartition(MESSAGES_TOPIC, partition), offset)
        metrics.PARTITIONS_OWNED.set(len(partitions))
