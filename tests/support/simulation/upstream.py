"""What upstream systems append: a dense chat in few names, with everything that goes wrong upstream."""

from collections.abc import Sequence
from random import Random
from typing import Final

from livestream.events import (
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    UserDeleted,
    encode_event,
)
from livestream.partitioning import partition_of
from tests.support.simulation.kafka import Kafka, WallClock

CHANNELS: Final = ("a", "b", "c", "d", "\uff5e", "😀")
USERS: Final = ("x", "y", "z", "Zoë")
_LABELS: Final = (None, None, "P", "Q")
_MALFORMED: Final = (b"", b"{", b"[]", b'{"type": "message.liked"}', b'{"channel": "a", "user": 7}')
# Each event's clock against the log's, in ms: mostly a little behind, sometimes late by much, fast, or impossibly fast.
_SKEWS: Final = ((0, 0.4), (-5, 0.2), (-400, 0.15), (-4_000, 0.1), (200, 0.08), (240_000, 0.04), (400_000, 0.03))


class Upstream:
    """Appends one event at a time; all that is drawn comes from `random`."""

    def __init__(self, kafka: Kafka, clock: WallClock, random: Random) -> None:
        self._kafka = kafka
        self._clock = clock
        self._random = random
        self._posted: list[MessagePosted] = []

    def send(self) -> None:
        """The next event, or the same once more, or what is none."""
        random = self._random
        if random.random() < 0.04:
            self._append_malformed()
            return
        event = self._repeat() if self._posted and random.random() < 0.12 else self._event()
        self._append(event)
        if isinstance(event, MessagePosted):
            self._posted.append(event)

    def _event(self) -> Event:
        random = self._random
        kind, ts_ms = random.random(), self._clock.now_ms() + self._skew()
        if kind < 0.62 or not self._posted:
            channel, id_, user = random.choice(CHANNELS), str(random.randrange(60)), random.choice(USERS)
            labels = random.choice(_LABELS), random.choice(_LABELS)
            return MessagePosted(channel, id_, user, random.choice(("one", "two", "")), ts_ms, *labels)
        known = random.choice(self._posted[-12:])
        channel, id_ = known.channel, known.id if random.random() < 0.85 else str(random.randrange(60))
        if kind < 0.76:
            return MessageEdited(channel, id_, random.choice(("three", "four")), ts_ms)
        if kind < 0.90:
            return MessageDeleted(channel, id_, ts_ms)
        if kind < 0.95:
            return ChannelDeleted(random.choice(CHANNELS), ts_ms)
        return UserDeleted(random.choice(USERS), ts_ms)

    def _repeat(self) -> MessagePosted:
        """Sent again after a lost acknowledgement; sometimes by somebody who has used the id for something else."""
        event = self._random.choice(self._posted[-20:])
        if self._random.random() < 0.8:
            return event
        return MessagePosted(event.channel, event.id, self._random.choice(USERS), "three", event.ts_ms)

    def _skew(self) -> int:
        (skew, _), *_ = self._random.choices(_SKEWS, [weight for _, weight in _SKEWS])
        return skew + self._random.randint(-3, 3)

    def _append(self, event: Event) -> None:
        value = encode_event(event)
        if isinstance(event, UserDeleted):
            self._kafka.append(USERS_TOPIC, 0, event.user.encode(), value)
            return
        partition = partition_of(event.channel, self._kafka.partitions)
        if self._random.random() < 0.03:
            partition = self._random.randrange(self._kafka.partitions)
        self._kafka.append(MESSAGES_TOPIC, partition, event.channel.encode(), value, self._headers())

    def _append_malformed(self) -> None:
        value = self._random.choice(_MALFORMED)
        if self._random.random() < 0.2:
            self._kafka.append(USERS_TOPIC, 0, b"", value)
        else:
            self._kafka.append(MESSAGES_TOPIC, self._random.randrange(self._kafka.partitions), b"", value)

    def _headers(self) -> Sequence[tuple[str, bytes]]:
        return [("content-type", b"application/json")] if self._random.random() < 0.1 else []
