"""Traffic to fold: chat as it is distributed, generated or from a file, and with repeats in it."""

import gzip
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate, islice
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from livestream.events import MessagePosted
from livestream.times import now_ms, to_ms

Chat = Sequence[MessagePosted]

# As in `ubuntu-irc`, two decades of the channels of one network: nine messages of ten are in one of its five channels.
HOT_MESSAGES: Final = 237_194
_HOT_CHANNELS: Final = {"#hot": 0.94, "#cool": 0.015, "#mild": 0.015, "#calm": 0.015, "#quiet": 0.015}
_HOT_USERS: Final = 18_757
_HOT_SKEW: Final = 0.65  # the busiest user has 1 % of all messages there, the median one a handful

_ZIPF_USERS: Final = 100_000
_ZIPF_CHANNELS: Final = 2_000

_VOCABULARY: Final = 150_000  # words, most of them seldom: names, paths, addresses
_MEAN_WORDS: Final = 9
_DRAWN_WORDS: Final = 500_000
_TEXT_CHARACTERS: Final = (5, 300)
_SPACING_MS: Final = 10


class _Line(msgspec.Struct):
    id: str
    channel: str
    user: str
    ts: datetime
    text: str


def hot(messages: int) -> Chat:
    """One channel has nearly all."""
    return _chat(messages, list(_HOT_CHANNELS), list(_HOT_CHANNELS.values()), _HOT_USERS, _HOT_SKEW)


def zipf(messages: int) -> Chat:
    """Many channels and users; the one of rank n has 1/n of what the first has."""
    channels = [f"channel-{number}" for number in range(_ZIPF_CHANNELS)]
    return _chat(messages, channels, _zipf_weights(_ZIPF_CHANNELS, 1), _ZIPF_USERS, 1)


def of_file(path: Path, messages: int) -> Chat:
    """The first so many lines of NDJSON with id, channel, user, ts and text; gzipped where the name ends so.

    Raises OSError, and msgspec.DecodeError where a line is no such object.
    """
    decode = msgspec.json.Decoder(_Line).decode
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        read = [decode(line) for line in islice(lines, messages)]
    return [MessagePosted(line.channel, line.id, line.user, line.text, to_ms(line.ts)) for line in read]


def with_repeats(chat: Chat, share: float) -> Chat:
    """After some messages, `share` of them, one that was there before comes again. With 1 all of it comes twice."""
    if share >= 1:
        return [*chat, *chat]
    random = Random(2)
    repeated = []
    for number, message in enumerate(chat):
        repeated.append(message)
        if random.random() < share:
            repeated.append(chat[random.randint(0, number)])
    return repeated


def past_of(chat: Chat, messages: int) -> Iterator[MessagePosted]:
    """So many older messages of the same channels and users: the chat again and again, each time under other ids."""
    distinct = list({(message.channel, message.id): message for message in chat}.values())
    first_ms, last_ms = min(message.ts_ms for message in distinct), max(message.ts_ms for message in distinct)
    span_ms, laps = last_ms - first_ms + 1, -(-messages // len(distinct))
    for number in range(messages):
        lap, place = divmod(number, len(distinct))
        message = distinct[place]
        shift_ms = (laps - lap) * span_ms
        yield msgspec.structs.replace(message, id=f"past-{lap}-{message.id}", ts_ms=message.ts_ms - shift_ms)


def _chat(messages: int, channels: Sequence[str], shares: Sequence[float], users: int, skew: float) -> Chat:
    random = Random(1)
    by_channel, by_user = list(accumulate(shares)), list(accumulate(_zipf_weights(users, skew)))
    begin_ms = now_ms() - messages * _SPACING_MS
    texts = _texts(random)
    return [
        MessagePosted(channel, f"m{number}", f"user-{user}", next(texts), begin_ms + number * _SPACING_MS)
        for number, (channel, user) in enumerate(
            zip(
                random.choices(channels, cum_weights=by_channel, k=messages),
                random.choices(range(users), cum_weights=by_user, k=messages),
                strict=True,
            )
        )
    ]


def _texts(random: Random) -> Iterator[str]:
    """Runs of words out of many, since to draw each word of each text takes longer than to fold it."""
    letters = "etaoinshrdlucmfwypvbgk"
    vocabulary = ["".join(random.choices(letters, k=random.randint(1, 9))) for _ in range(_VOCABULARY)]
    words = random.choices(vocabulary, _zipf_weights(_VOCABULARY, 1), k=_DRAWN_WORDS)
    least, most = _TEXT_CHARACTERS
    while True:
        begin, count = random.randrange(_DRAWN_WORDS), 1 + int(random.expovariate(1 / _MEAN_WORDS))
        yield " ".join(words[begin : begin + count])[:most].ljust(least, "!")


def _zipf_weights(count: int, skew: float) -> list[float]:
    return [1 / rank**skew for rank in range(1, count + 1)]
