"""Records whose headers have names that no client for Python would send, as those for other languages may."""

from collections.abc import Sequence
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

GZIP = 1
_MAX_BATCH_BYTES = 2**20
_MAGIC = 2
_NOT_IDEMPOTENT = (-1, -1, -1)  # producer id, epoch and sequence

Headers = Sequence[tuple[str, bytes | None]]


class NotUtf8(str):
    """A name that is sent as these bytes."""

    __slots__ = ("_content",)
    _content: bytes

    def __new__(cls, content: bytes) -> Self:
        name = super().__new__(cls, content.decode("utf-8", "replace"))
        name._content = content
        return name

    def encode(self, _encoding: str = "utf-8", _errors: str = "strict") -> bytes:
        return self._content


def batch_of(*records: tuple[bytes, Headers], compression: int = 0) -> bytes:
    """A batch as brokers send it, of (value, headers)."""
    builder = _builder(compression)
    for offset, (value, headers) in enumerate(records):
        assert builder.append(offset, 0, None, value, headers) is not None
    return bytes(builder.build())


async def send_with_any_names(
    producer: AIOKafkaProducer, topic: str, partition: int, value: bytes, headers: Headers, *, compress: bool = False
) -> int:
    """Returns the offset. The producer must not be idempotent."""
    batch = producer.create_batch()
    batch._builder = _builder(GZIP if compress else 0)
    assert batch.append(key=None, value=value, timestamp=None, headers=headers) is not None
    sent = await (await producer.send_batch(batch, topic, partition=partition))
    return int(sent.offset)


def _builder(compression: int = 0) -> _DefaultRecordBatchBuilderPy:
    return _DefaultRecordBatchBuilderPy(_MAGIC, compression, 0, *_NOT_IDEMPOTENT, _MAX_BATCH_BYTES)
