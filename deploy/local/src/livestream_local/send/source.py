"""Where lines come from: a file, gzipped or not, or standard input."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

from livestream_local.errors import LauncherError

STANDARD_INPUT: Final = "-"

_GZIP_MAGIC: Final = b"\x1f\x8b"
_READ_BYTES: Final = 1024 * 1024
_MAX_LINE_BYTES: Final = 16 * 1024 * 1024  # far more than ingest takes: what has no line ends is not NDJSON


class Line(NamedTuple):
    """One line that is not blank, with its place in the source, from 1."""

    number: int
    content: bytes


@contextmanager
def open_source(name: str) -> Iterator["Source"]:
    """A file by its name, or standard input. Raises LauncherError where it cannot be opened."""
    if name == STANDARD_INPUT:
        yield Source("standard input", cast("io.BufferedReader", sys.stdin.buffer))
        return
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(Path(name).open("rb"))
        except OSError as error:
            raise LauncherError(f"cannot read {name}: {error.strerror}") from None
        yield Source(name, raw)


class Source:
    """Lines in blocks. A block is what could be read at once, so that a slow pipe's lines do not wait for more."""

    def __init__(self, name: str, raw: io.BufferedReader) -> None:
        self.name = name
        self._raw = raw
        self._size_bytes = os.fstat(raw.fileno()).st_size  # 0 for a pipe

    def fraction_read(self) -> float | None:
        """How much of a file was read, from 0 to 1; None where nobody knows how much will come."""
        return min(self._raw.tell() / self._size_bytes, 1.0) if self._size_bytes else None

    def blocks(self) -> Iterator[list[Line]]:
        """Raises LauncherError where the source is broken, behind all the lines that could be read."""
        number, rest = 0, b""
        try:
            for piece in self._pieces():
                *complete, rest = (rest + piece).split(b"\n")
                block = [Line(number + i, line) for i, line in enumerate(complete, 1) if line.strip()]
                number += len(complete)
                if block:
                    yield block
                if len(rest) > _MAX_LINE_BYTES:
                    raise LauncherError(f"{self.name}: line {number + 1} does not end. Is it NDJSON?")
        except (OSError, EOFError, zlib.error) as error:
            raise LauncherError(f"{self.name} cannot be read behind line {number}: {error}") from None
        if rest.strip():
            yield [Line(number + 1, rest)]

    def _pieces(self) -> Iterator[bytes]:
        zipped = self._raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        stream = gzip.GzipFile(fileobj=self._raw) if zipped else self._raw
        while piece := stream.read1(_READ_BYTES):
            yield piece
