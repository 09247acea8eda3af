"""No name of a header stops a consumer: `read_whatever_names` changes how aiokafka reads what it fetched.

Brokers take any bytes as the name of a header. aiokafka raises UnicodeDecodeError where one is not UTF-8, and reads
nothing behind it any more: one such record would stop every reader of its partition for good. Here it is read as Java's
client does, with U+FFFD for what is not UTF-8.
"""

from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class _LenientBytes(bytearray):
    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped
    """Names of headers are the only text in a batch."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _LenientBytes(self._buffer)


class _LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka is untyped
    def next_batch(self) -> Any:
        content = self._next_slice
        batch = super().next_batch()
        return _LenientBatch(content) if isinstance(batch, DefaultRecordBatch) else batch


def _read_fetched(content: bytes) -> Any:
    """The records that one fetch brought. Looking through them first costs far less than always reading leniently."""
    return _LenientRecords(content) if _has_unreadable_names(content) else MemoryRecords(content)


def _has_unreadable_names(content: bytes) -> bool:
    records = MemoryRecords(content)
    try:
        while (batch := records.next_batch()) is not None:
            for _ in batch:
                pass
    except UnicodeDecodeError:
        return True
    except Exception:  # noqa: BLE001 - the consumer comes upon it again, and says of which partition it is
        return False
    return False


def read_whatever_names() -> None:
    """For all consumers of the process. There is no seam for it: the fetcher takes its reader from its own module."""
    fetcher.MemoryRecords = _read_fetched
