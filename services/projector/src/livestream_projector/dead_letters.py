"""The dead letter topic: the original bytes of what was not folded, with where it lay and why."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaError

from livestream.events import DEAD_LETTER_TOPIC
from livestream.fold import DeadLetter
from livestream.kafka import AIOKafkaProducer
from livestream.letter_settings import MAX_BYTES
from livestream.letters import Headers, without_ours
from livestream.logs import get_logger
from livestream.retries import until_it_works

# A compressed record may unfold to much more than a topic takes. What is cut here is whole on the log, as long as that
# keeps it, and a header says so.
VALUE_BYTES = 4 * 1024 * 1024
# More than this is no key and no attributes; it is left out, or the letter would never fit.
HEADERS_BYTES = 1024 * 1024
# Headers say where and why; a detail can quote what an upstream sent, so it is cut.
_DETAIL_CHARACTERS = 500

_log = get_logger(__name__)


@asynccontextmanager
async def dead_letter_producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that takes dead letters of any size."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_BYTES,
    )
    await until_it_works("start_producer", producer.start, (KafkaError,))
    try:
        yield producer
    finally:
        await producer.stop()


class DeadLetterOffice:
    """Keeps the originals of a batch until its dead letters are on their topic.

    The topic is compacted and keyed by coordinates, so burying a record again after a crash changes nothing.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._originals: Mapping[str, Any] = {}

    def hold(self, records: Sequence[Any]) -> None:
        """The originals (aiokafka ConsumerRecords) of what is folded next."""
        self._originals = {f"{record.topic}/{record.partition}/{record.offset}": record for record in records}

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Wait until the letters are acknowledged. Raises aiokafka's KafkaError where they are not."""
        if not letters:
            return
        pending = [await self._send(letter) for letter in letters]
        await asyncio.gather(*pending)

    async def _send(self, letter: DeadLetter) -> "asyncio.Future[Any]":
        coordinates, rejected = letter.coordinates, letter.rejected
        original = self._originals[str(coordinates)]
        _log.warning("dead_letter", record=str(coordinates), reason=rejected.reason, field=rejected.field)
        reasons = {
            "dead-letter-topic": coordinates.topic,
            "dead-letter-partition": str(coordinates.partition),
            "dead-letter-offset": str(coordinates.offset),
            "dead-letter-append-time": str(original.timestamp),
            "dead-letter-reason": rejected.reason,
            "dead-letter-field": rejected.field or "",
            "dead-letter-detail": rejected.detail[:_DETAIL_CHARACTERS],
        }
        headers, value = _enclosed(original)
        sent: asyncio.Future[Any] = await self._producer.send(
            DEAD_LETTER_TOPIC,
            key=str(coordinates).encode(),
            value=value,
            headers=[*((name, content.encode()) for name, content in reasons.items()), *headers],
        )
        return sent


def _enclosed(original: Any) -> tuple[Headers, bytes]:
    """The original's key and headers, and its value, as far as there is room for them."""
    headers: list[tuple[str, bytes | None]] = without_ours(original.headers)
    if original.key is not None:
        headers.insert(0, ("dead-letter-key", original.key))
    value = original.value or b""
    size = sum(len(name.encode()) + len(content or b"") for name, content in headers)
    if size <= HEADERS_BYTES and len(value) <= VALUE_BYTES:
        return headers, value
    cut = ("dead-letter-cut-from-bytes", str(len(value)).encode())
    return [cut, *(headers if size <= HEADERS_BYTES else [])], value[:VALUE_BYTES]
