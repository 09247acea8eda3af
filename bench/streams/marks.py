"""Messages that say which they are and when they were published, and a reader that finds them in a stream.

The mark stands in a message's text, so that every server carries it alike: `#<number>@<microseconds since 1970>;`.
"""

import re
import time
import zlib
from typing import Final, NamedTuple

_MARK: Final = re.compile(rb"#(\d+)@(\d+);")
_RAW_DEFLATE: Final = -15
_LINE_END: Final = b"\r\n"
_END_OF_EVENT: Final = b"\n\n"


def now_us() -> int:
    """All processes of a machine share this clock."""
    return time.time_ns() // 1_000


def mark(number: int, published_us: int) -> str:
    return f"#{number}@{published_us};"


class Marked(NamedTuple):
    """A message as it was found."""

    number: int
    published_us: int


class Frame(NamedTuple):
    """An event with messages in it. `end` is where it ends in the stream, in bytes as they came."""

    end: int
    messages: list[Marked]


class Dechunked:
    """Takes a chunked body (RFC 9112, section 7.1) in any pieces, and gives its content as soon as it is there."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0  # of the chunk that has begun, with the line end behind it

    def feed(self, piece: bytes) -> bytes:
        data, at = self._rest + piece, 0
        parts = []
        while at < len(data):
            if not self._left:
                line_end = data.find(_LINE_END, at)
                if line_end < 0:
                    break
                self._left = int(data[at:line_end], 16) + len(_LINE_END)
                at = line_end + len(_LINE_END)
            content_end = at + max(self._left - len(_LINE_END), 0)
            taken = min(self._left, len(data) - at)
            parts.append(data[at : min(content_end, at + taken)])
            self._left -= taken
            at += taken
        self._rest = data[at:]
        return b"".join(parts)


class MarkReader:
    """Reads the frames of a stream that grows. `is_chunked`: what came is chunked; `is_gzip`: and compressed.

    Compressed, it begins behind the header of gzip, at a block that refers to nothing before it.
    """

    def __init__(self, *, is_chunked: bool, is_gzip: bool = False) -> None:
        self._is_chunked = is_chunked
        self._inflate = zlib.decompressobj(_RAW_DEFLATE) if is_gzip else None
        self._at = 0

    def read(self, content: bytearray) -> list[Frame]:
        """The frames that came to be complete, in `content` that has more at its end than at the last call."""
        frames = []
        while (part := self._next(content)) is not None:
            if found := [Marked(int(number), int(at)) for number, at in _MARK.findall(part)]:
                frames.append(Frame(self._at, found))
        return frames

    def _next(self, content: bytearray) -> bytes | None:
        """A chunk, or else an event; None where it is not complete."""
        if not self._is_chunked:
            end = content.find(_END_OF_EVENT, self._at)
            if end < 0:
                return None
            begin, self._at = self._at, end + len(_END_OF_EVENT)
            return bytes(content[begin : self._at])
        line_end = content.find(_LINE_END, self._at)
        if line_end < 0:
            return None
        begin = line_end + len(_LINE_END)
        end = begin + int(content[self._at : line_end], 16)
        if end + len(_LINE_END) > len(content):
            return None
        self._at = end + len(_LINE_END)
        part = bytes(content[begin:end])
        return self._inflate.decompress(part) if self._inflate else part
