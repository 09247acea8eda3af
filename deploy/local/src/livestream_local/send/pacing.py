"""When lines are due: pure, from blocks of lines to chunks, each with its moment."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Final, NamedTuple

import msgspec

from livestream_local.send.source import Line

Pacing = Callable[[Iterable[list[Line]]], "Iterator[Chunk]"]

CHUNK_SECONDS: Final = 0.1  # of the wanted pace: short enough to look steady, long enough to need few requests
MAX_CHUNK_LINES: Final = 10_000  # one answer names the errors of that many, and little is sent again after a failure


class Chunk(NamedTuple):
    """Lines that go in one request, `due_s` seconds after the first chunk at the earliest."""

    due_s: float
    lines: list[Line]


def unpaced(blocks: Iterable[list[Line]]) -> Iterator[Chunk]:
    """As fast as ingest takes them."""
    for block in blocks:
        for lines in _cut(block, MAX_CHUNK_LINES):
            yield Chunk(0.0, lines)


def at_rate(lines_per_second: float) -> Pacing:
    """Evenly, so many lines a second."""
    size = max(1, min(round(lines_per_second * CHUNK_SECONDS), MAX_CHUNK_LINES))

    def pace(blocks: Iterable[list[Line]]) -> Iterator[Chunk]:
        sent = 0
        for block in blocks:
            for lines in _cut(block, size):
                yield Chunk(sent / lines_per_second, lines)
                sent += len(lines)

    return pace


def at_own_speed(factor: float) -> Pacing:
    """At the speed of the lines' own `ts`, `factor` times as fast.

    A line that is earlier than one before it, or has no time that can be read, is due with its predecessor.
    """

    def pace(blocks: Iterable[list[Line]]) -> Iterator[Chunk]:
        first: datetime | None = None
        due_s = 0.0
        for block in blocks:
            pending, pending_due_s = list[Line](), due_s
            for line in block:
                ts = _time_of(line.content)
                if ts is not None:
                    first = first or ts
                    due_s = max(due_s, (ts - first).total_seconds() / factor)
                if pending and (due_s - pending_due_s > CHUNK_SECONDS or len(pending) >= MAX_CHUNK_LINES):
                    yield Chunk(pending_due_s, pending)
                    pending = []
                if not pending:
                    pending_due_s = due_s
                pending.append(line)
            yield Chunk(pending_due_s, pending)

    return pace


class _Timed(msgspec.Struct):
    ts: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


_decode_timed = msgspec.json.Decoder(_Timed).decode


def _time_of(line: bytes) -> datetime | None:
    try:
        return _decode_timed(line).ts
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # ingest says what is wrong with it


def _cut(block: list[Line], size: int) -> Iterator[list[Line]]:
    lines = iter(block)
    while part := list(islice(lines, size)):
        yield part
