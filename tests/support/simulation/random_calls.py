"""Random calls of serving.lua's Functions, denser and odder than any projector makes them."""

from random import Random
from typing import Any, Final

import msgspec

from livestream.deltas import (
    Batch,
    MessageRow,
    NameRow,
    PositionStep,
    RemovedMessage,
    RemovedName,
    UserShare,
    encode_batch,
    member_of,
    message_row,
)

Call = tuple[str, tuple[Any, ...]]
_NAMES: Final = ("a", "b", "\uff5e", "😀")
_PARTITIONS: Final = 2
_encode: Final = msgspec.msgpack.Encoder().encode


class RandomCalls:
    """`next` gives one call after the other. `heard` tells it the answer, so that most of them fit together."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.epoch = ""
        self._positions = dict.fromkeys(range(_PARTITIONS), (0, 0, 0))
        self._after: dict[int, tuple[int, int, int]] = {}

    def heard(self, reply: Any) -> None:
        if reply[:1] in ([b"ok"], [b"few"]):
            self._positions |= self._after
        elif reply in (b"no-epoch", [b"no-epoch"]):
            self.epoch = ""

    def next(self) -> Call:
        draw = self._random.random()
        if not self.epoch or draw < 0.02:
            return self._switch()
        if draw < 0.06:
            kind = self._random.choice(("messages", "channels", "shares", "ended"))
            rows = {"messages": self._messages, "channels": self._rows, "shares": self._shares, "ended": self._removed}
            return ("stage", (self._random.choice(("staged", self.epoch)), kind, _encode(rows[kind]())))
        if draw < 0.16:
            return ("report", (_encode([[p, *self._numbers(5)] for p in range(_PARTITIONS)]),))
        if draw < 0.2:
            return ("status", ())
        return ("publish", (encode_batch(self._batch()), self._random.choice((1, 1, 1, 1, 1, 1, 2))))

    def _switch(self) -> Call:
        held, self.epoch = self.epoch, f"{self._random.getrandbits(64):016x}"
        positions = [
            (p, messages, users, *self._numbers(2), recounts, *self._numbers(1))
            for p, (messages, users, recounts) in self._positions.items()
        ]
        replaced = held if self._random.random() < 0.8 else ""
        return ("switch", (self.epoch, 1, _PARTITIONS, _encode(positions), replaced, 0))

    def _batch(self) -> Batch:
        steps, self._after = [], {}
        for partition in self._random.sample(range(_PARTITIONS), self._random.randint(1, _PARTITIONS)):
            at = self._positions[partition]
            if self._random.random() < 0.1:
                at = self._moved(at, -2, 2)
            after = self._moved(at, 0, 2)
            messages, channels, recounting = self._numbers(3)
            steps.append(
                PositionStep(
                    partition, at[0], after[0], at[1], after[1], messages, channels, at[2], after[2], recounting
                )
            )
            self._after[partition] = after
        removed = [RemovedMessage(m.channel, m.id, m.user, m.member) for m in self._messages()]
        ended = [self._removed() if self._random.random() < 0.15 else [] for _ in range(2)]
        return Batch(steps, self._messages(), removed[:1], ended[0], ended[1], self._rows(), self._shares())

    def _moved(self, position: tuple[int, int, int], least: int, most: int) -> tuple[int, int, int]:
        messages, users, recounts = (max(0, part + self._random.randint(least, most)) for part in position)
        return (messages, users, recounts)

    def _messages(self) -> list[MessageRow]:
        return [self._message() for _ in range(self._random.choice((0, 1, 2, 5)))]

    def _message(self) -> MessageRow:
        offset, channel = self._random.randrange(40), self._random.choice(_NAMES)
        # An offset is one message's, whose user and time never change.
        user, ts_ms = _NAMES[offset % len(_NAMES)], (offset * 7 + ord(channel)) % 30
        row = message_row(
            channel=channel, id_=str(offset), user=user, ts_ms=ts_ms, append_ms=ts_ms, offset=offset, text="text",
            edited_ts_ms=None,
        )  # fmt: skip
        assert row.member == member_of(channel, offset)
        return row

    def _rows(self) -> list[NameRow]:
        names = self._random.sample(_NAMES, self._random.randint(0, 2))
        return [NameRow(name, self._random.choice(("", "P")), *self._numbers(2)) for name in names]

    def _shares(self) -> list[UserShare]:
        return [self._share(name) for name in self._random.sample(_NAMES, self._random.randint(0, 2))]

    def _share(self, name: str) -> UserShare:
        messages, last_ms, display_ts_ms, display_offset = self._numbers(4)
        return UserShare(
            partition=self._random.randrange(_PARTITIONS),
            name=name,
            messages=messages,
            last_ms=last_ms,
            display_name=self._random.choice(("", "P", "Q")),
            display_ts_ms=display_ts_ms,
            display_channel=self._random.choice(_NAMES),
            display_offset=display_offset,
        )

    def _removed(self) -> list[RemovedName]:
        names = self._random.sample(_NAMES, self._random.randint(0, 2))
        return [RemovedName(name, self._random.randrange(20)) for name in names]

    def _numbers(self, count: int) -> list[int]:
        return [self._random.randrange(4) for _ in range(count)]
