"""A producer for records that were on a log before: they go there as they were, whatever their size."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.errors import KafkaError

from livestream.kafka import AIOKafkaProducer
from livestream.retries import describe
from livestream_local.errors import LauncherError

# Before compression; the broker's own limit is on what is compressed. A record that unfolds to more is no message.
_LARGEST_BYTES: Final = 64 * 1024 * 1024
_REQUEST_TIMEOUT_MS: Final = 20_000


@asynccontextmanager
async def producing(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """Idempotent, acknowledged by all in-sync replicas. Raises LauncherError where Kafka cannot be reached."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        compression_type="gzip",
        max_request_size=_LARGEST_BYTES,
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise LauncherError(f"Kafka cannot be reached: {describe(error)}") from None
    try:
        yield producer
    finally:
        await producer.stop()
