"""Chat to measure with: messages as people write them, each with its mark, and rows as they are published."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from bench.streams.marks import mark
from livestream.deltas import Batch, MessageRow, NameRow, PositionStep, UserShare, message_row
from livestream_local.chat.generator import Utterance, generate

PARTITIONS: Final = 1  # what is measured does not know how the log is cut up
_PARTITION: Final = 0
_SEED: Final = 1
# Repeating itself only beyond any window of compression, and cheap to make.
_UTTERANCES: Final = 5_000
_SHORT_NAME: Final = "c"


class MarkedChat:
    """Numbers its messages from 1 on; `last` is the newest one's number."""

    def __init__(self) -> None:
        self.last = 0
        self._ts_ms = 0
        self._utterances: Iterator[Utterance] = _endless(list(islice(generate(_SEED), _UTTERANCES)))
        self._channels: Counter[str] = Counter()
        self._users: Counter[str] = Counter()

    def rows(self, count: int, published_us: int, row_bytes: int | None = None) -> list[MessageRow]:
        """The next messages. Each is a millisecond younger than the last one at least: pages show them in this order.

        With `row_bytes`, each row's JSON is that long, which takes short names and some 130 bytes at least; without,
        texts and names are those of a lively town.
        """
        return [self._row(published_us, row_bytes) for _ in range(count)]

    def batch(self, rows: Sequence[MessageRow]) -> Batch:
        """What a projector publishes of them; each row belongs to one batch, in their order."""
        for row in rows:
            self._channels[row.channel] += 1
            self._users[row.user] += 1
        newest_ms, before = rows[-1].ts_ms, self._users.total() - len(rows)
        position = PositionStep(_PARTITION, before, before + len(rows), 0, 0, self._users.total(), len(self._channels))
        channels = {row.channel for row in rows}
        users = {row.user for row in rows}
        return Batch(
            positions=[position],
            messages=list(rows),
            removed_messages=[],
            removed_channels=[],
            removed_users=[],
            channels=[NameRow(name, "", self._channels[name], newest_ms) for name in sorted(channels)],
            user_shares=[
                UserShare(_PARTITION, name, self._users[name], newest_ms, "", 0, "", 0) for name in sorted(users)
            ],
        )

    def _row(self, published_us: int, row_bytes: int | None) -> MessageRow:
        self.last += 1
        self._ts_ms = max(self._ts_ms + 1, published_us // 1000)
        utterance, text = next(self._utterances), mark(self.last, published_us)
        if row_bytes is None:
            return self._made(f"{text} {utterance.text}", utterance.channel, utterance.user)
        missing = row_bytes - len(self._made(text, _SHORT_NAME, _SHORT_NAME).json)
        return self._made(text + "." * missing, _SHORT_NAME, _SHORT_NAME)

    def _made(self, text: str, channel: str, user: str) -> MessageRow:
        return message_row(
            id_=str(self.last),
            channel=channel,
            user=user,
            ts_ms=self._ts_ms,
            append_ms=self._ts_ms,
            offset=self.last - 1,
            text=text,
            edited_ts_ms=None,
        )


def _endless(utterances: Sequence[Utterance]) -> Iterator[Utterance]:
    while True:
        yield from utterances
