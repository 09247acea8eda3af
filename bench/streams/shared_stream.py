"""What all clients of one view are told, held once, and compared with what each of them was told."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from bench.streams.marks import Frame, MarkReader


class Delivered(NamedTuple):
    """How much came to some clients, each counted by itself."""

    messages: int
    frames: int


class SharedStream:
    """From a moment on at which all clients had been told the same, every one must be told these bytes and no others.

    So the messages in it are looked at once, and that each client got each of them in this order is one comparison of
    memory a read: a client that checks everything and costs less than the server.
    """

    def __init__(self, reader: MarkReader, first: int, *, may_skip: bool = False) -> None:
        """`first`: the number of the first message to come. `may_skip`: older ones of a frame need not be told."""
        self.frames: list[Frame] = []
        self.is_in_order = True
        self._content = bytearray()
        self._reader = reader
        self._next = first
        self._may_skip = may_skip

    def __len__(self) -> int:
        return len(self._content)

    @property
    def last(self) -> int:
        """The number of the newest message in it."""
        return self._next - 1

    def takes(self, position: int, data: bytes) -> bool:
        """Whether `data` is what stands at `position`. Who is ahead of all others says what stands there."""
        content = self._content
        if content.startswith(data, position):
            return True
        known = len(content) - position
        if known >= len(data) or (known and not data.startswith(content[position:])):
            return False
        content += data[known:]
        return True

    def look(self) -> None:
        """Read what came, and note where messages are missing, come twice or stand in another order."""
        for frame in self._reader.read(self._content):
            numbers = [message.number for message in frame.messages]
            begin = max(numbers[0], self._next) if self._may_skip else self._next
            if numbers != list(range(begin, begin + len(numbers))):
                self.is_in_order = False
            self._next = numbers[-1] + 1
            self.frames.append(frame)

    def delivered(self, positions: Iterable[int]) -> Delivered:
        """To clients that have got so far."""
        ends = [frame.end for frame in self.frames]
        messages_by = [0, *accumulate(len(frame.messages) for frame in self.frames)]
        frames = [bisect_right(ends, position) for position in positions]
        return Delivered(sum(messages_by[number] for number in frames), sum(frames))
