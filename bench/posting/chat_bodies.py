"""Generated chat as bodies of requests, and as the records that ingest makes of them."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Final, NamedTuple, TypeVar

import msgspec

from livestream.events import MessagePosted, encode_event
from livestream.partitioning import partition_of
from livestream.times import format_ms, now_ms
from livestream_local.chat.generator import Utterance, generate

T = TypeVar("T")

_DIFFERENT: Final = (
    50_000  # messages; they come again under other ids, since making them takes longer than sending them
)
_SEED: Final = 1


class Record(NamedTuple):
    """As it lies on the log."""

    partition: int
    key: bytes
    value: bytes


class Chat:
    """Endless chat. Ids count up by it, from one call to the next."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._said = cycle(list(islice(generate(_SEED), _DIFFERENT)))
        self._count = 0

    def lines(self, count: int) -> list[bytes]:
        """As an upstream with times and ids of its own sends them."""
        return [msgspec.json.encode(_wire(event)) for event in self._events(count)]

    def bare_lines(self, count: int) -> list[bytes]:
        """Only what must be said: times and ids are left to ingest."""
        wires = (_wire(event) for event in self._events(count))
        return [msgspec.json.encode({key: wire[key] for key in ("channel", "user", "text")}) for wire in wires]

    def records(self, count: int) -> list[Record]:
        return [
            Record(partition_of(event.channel, self._partitions), event.channel.encode(), encode_event(event))
            for event in self._events(count)
        ]

    def _events(self, count: int) -> Iterator[MessagePosted]:
        for utterance in islice(self._said, count):
            self._count += 1
            yield _event(utterance, self._count)


def in_groups(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def as_ndjson(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


def as_array(lines: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(lines) + b"]"


def _event(said: Utterance, number: int) -> MessagePosted:
    names = (said.channel_display_name, said.user_display_name)
    return MessagePosted(said.channel, f"chat-{number:010d}", said.user, said.text, now_ms(), *names)


def _wire(event: MessagePosted) -> dict[str, str]:
    wire = {"id": event.id, "channel": event.channel, "user": event.user, "text": event.text}
    names = {"channel_display_name": event.channel_display_name, "user_display_name": event.user_display_name}
    return wire | {"ts": format_ms(event.ts_ms)} | {key: name for key, name in names.items() if name is not None}
