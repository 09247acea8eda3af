"""What came to the log since one looked last."""

import time
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from livestream.events import MESSAGES_TOPIC

_AT_ONCE: Final = 50_000
_POLL_SECONDS: Final = 0.2
_MOST_SECONDS: Final = 120.0
_REQUEST_SECONDS: Final = 10.0


class Logged(NamedTuple):
    """The key and the message's id of one record."""

    key: bytes
    id: str


class _Identified(msgspec.Struct):
    id: str


_decode = msgspec.json.Decoder(_Identified).decode


class LogTail:
    """Reads `messages.v1` from the end that it has when this is made."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        settings = {"bootstrap.servers": bootstrap_servers, "group.id": "bench", "enable.auto.commit": False}
        self._consumer = Consumer(settings)
        self._next = dict.fromkeys(range(partitions), 0)
        self._next = self._ends()
        places = [TopicPartition(MESSAGES_TOPIC, partition, offset) for partition, offset in self._next.items()]
        self._consumer.assign(places)

    def read(self) -> list[Logged]:
        """All that is there now and was not read before; of each partition in order. Raises TimeoutError."""
        ends, deadline = self._ends(), time.monotonic() + _MOST_SECONDS
        found: list[Logged] = []
        while any(self._next[partition] < end for partition, end in ends.items()):
            found += [self._taken(message) for message in self._consumer.consume(_AT_ONCE, _POLL_SECONDS)]
            if time.monotonic() > deadline:
                raise TimeoutError(f"the log was not read within {_MOST_SECONDS:.0f} s")
        return found

    def close(self) -> None:
        self._consumer.close()

    def _taken(self, message: Message) -> Logged:
        key, value, partition, offset = message.key(), message.value(), message.partition(), message.offset()
        if message.error() is not None or partition is None or offset is None:
            raise RuntimeError(f"the log could not be read: {message.error()}")
        self._next[partition] = offset + 1
        assert isinstance(key, bytes)
        assert isinstance(value, bytes)
        return Logged(key, _decode(value).id)

    def _ends(self) -> dict[int, int]:
        return {
            partition: self._consumer.get_watermark_offsets(
                TopicPartition(MESSAGES_TOPIC, partition), timeout=_REQUEST_SECONDS
            )[1]
            for partition in self._next
        }
