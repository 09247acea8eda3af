"""A past for the log, produced as a direct upstream would, as fast as the log takes it."""

import time
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

import msgspec
from confluent_kafka import Producer

from livestream.events import MESSAGES_TOPIC, MessagePosted, encode_event
from livestream.partitioning import partition_of
from livestream.times import now_ms

PARTITIONS: Final = 12  # the projector's default for a topic that it makes

_FLUSH_SECONDS: Final = 60
_FULL_QUEUE_SECONDS: Final = 0.05
_SPACING_MS: Final = 10  # between two messages of the past: five million of them span fourteen hours
_NAMED_EVERY: Final = 10  # messages a display name


class DirectProducer:
    """librdkafka, placing records as the contract asks. A record that was refused raises when flushed.

    `age_ms`: how long ago events say that they happened. Their append time says so too where a topic takes producers'
    times for it.
    """

    def __init__(self, bootstrap_servers: str, age_ms: int = 0) -> None:
        self._age_ms = age_ms
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5, "acks": "all"})
        self._failed: list[str] = []

    def post(self, event: MessagePosted) -> None:
        """Returns when it is queued."""
        event = msgspec.structs.replace(event, ts_ms=event.ts_ms - self._age_ms)
        while True:
            try:
                self._producer.produce(
                    MESSAGES_TOPIC,
                    encode_event(event),
                    key=event.channel.encode(),
                    partition=partition_of(event.channel, PARTITIONS),
                    timestamp=event.ts_ms,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(_FULL_QUEUE_SECONDS)
            else:
                self._producer.poll(0)
                return

    def fill(self, events: Iterable[MessagePosted]) -> int:
        """Returns how many there were, when all are acknowledged."""
        count = 0
        for event in events:
            self.post(event)
            count += 1
        self.flush()
        return count

    def flush(self) -> None:
        if self._producer.flush(_FLUSH_SECONDS) or self._failed:
            raise RuntimeError(f"the log did not take everything: {self._failed[:3]}")

    def _delivered(self, error: object, _: object) -> None:
        if error is not None:
            self._failed.append(str(error))


def past_of_a_channel(channel: str, messages: int, users: int, seed: int = 1) -> Iterator[MessagePosted]:
    """Each of `user-0…` posts at least once, where there are as many messages, and some far more than others."""
    random = Random(seed)
    begin_ms = now_ms() - messages * _SPACING_MS
    for number in range(messages):
        author = number if number < users else int(users * random.random() ** 3)
        yield _post(channel, number, f"user-{author}", begin_ms + number * _SPACING_MS)


def past_of_a_user(user: str, messages: int, channels: int) -> Iterator[MessagePosted]:
    """The same number in each of `room-0…`, which lie in all partitions."""
    begin_ms = now_ms() - messages * _SPACING_MS
    for number in range(messages):
        yield _post(f"room-{number % channels}", number, user, begin_ms + number * _SPACING_MS)


def neighbour_of(channel: str, prefix: str) -> str:
    """Another channel's name in the same partition."""
    wanted, number = partition_of(channel, PARTITIONS), 0
    while partition_of(f"{prefix}-{number}", PARTITIONS) != wanted:
        number += 1
    return f"{prefix}-{number}"


def stranger_to(channel: str, prefix: str) -> str:
    """A channel's name in another partition."""
    number = 0
    while partition_of(f"{prefix}-{number}", PARTITIONS) == partition_of(channel, PARTITIONS):
        number += 1
    return f"{prefix}-{number}"


def live_post(channel: str, number: int, user: str) -> MessagePosted:
    return _post(channel, f"live-{number}", user, time.time_ns() // 1_000_000)


def _post(channel: str, number: int | str, user: str, ts_ms: int) -> MessagePosted:
    text = f"Message {number}, as long as people write: seventy characters or thereabouts."
    named = isinstance(number, int) and number % _NAMED_EVERY == 0
    names = (f"The {channel}", f"{user} by name") if named else (None, None)
    return MessagePosted(channel, str(number), user, text, ts_ms, *names)
