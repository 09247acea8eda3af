"""NDJSON: a stream of bytes, cut into lines as it comes."""

from collections.abc import AsyncIterator, Sequence
from typing import Final

from livestream.events import Rejected
from livestream_ingest.shutdown import Shutdown
from livestream_ingest.streams import BodyStream

LINE_MAX_BYTES: Final = 64 * 1024

_TOO_LONG: Final = Rejected("too-long", f"the line has more than {LINE_MAX_BYTES} bytes")


class LineCutter:
    """Cuts pieces into lines. Blank lines are left out; of a line that is too long only that is kept."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def cut(self, piece: bytes) -> list[bytes | Rejected]:
        """The lines that this piece completes, and a line that is known to be too long by now."""
        if self._skipping:
            _, line_break, piece = piece.partition(b"\n")
            if not line_break:
                return []
            self._skipping = False
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        items = [_checked(line) for line in lines if line and not line.isspace()]
        if len(self._rest) > LINE_MAX_BYTES + len(b"\r"):
            self._rest, self._skipping = b"", True
            items.append(_TOO_LONG)
        return items

    def end(self) -> list[bytes | Rejected]:
        """What stands after the last line break."""
        return [] if not self._rest.strip() else [_checked(self._rest)]


async def read_lines(stream: BodyStream, shutdown: Shutdown) -> AsyncIterator[Sequence[bytes | Rejected]]:
    """The lines of the body, as many at a time as have arrived. Raises ProblemError."""
    cutter = LineCutter()
    pieces = stream.pieces()
    while piece := await shutdown.unless_begun(anext(pieces, b"")):
        yield cutter.cut(piece)
    yield cutter.end()


def _checked(line: bytes) -> bytes | Rejected:
    return line if len(line) <= LINE_MAX_BYTES or len(line.strip()) <= LINE_MAX_BYTES else _TOO_LONG
