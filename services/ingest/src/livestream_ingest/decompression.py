"""Compressed bodies, decompressed piece by piece, so that a small body cannot fill the memory."""

import zlib
from collections.abc import Iterator
from typing import Final

CONTENT_ENCODINGS: Final = ("gzip", "deflate")

# However much a few bytes expand to, no more of it than this exists at a time.
PIECE_BYTES: Final = 256 * 1024

_GZIP_WBITS: Final = 16 + zlib.MAX_WBITS
_RAW_WBITS: Final = -zlib.MAX_WBITS
_ZLIB_METHOD: Final = 8  # in the low half of a zlib stream's first byte (RFC 1950)


class BrokenStreamError(Exception):
    """The bytes are not what their encoding says, or end too early."""


class Decompressor:
    """Decompresses gzip, in one member or several, or deflate, in zlib's frame (RFC 9110) or bare, as some send it."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most PIECE_BYTES. Raises BrokenStreamError."""
        while data:
            stream = self._stream = self._stream or zlib.decompressobj(self._wbits(data))
            try:
                piece = stream.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise BrokenStreamError(f"not a {self._encoding} stream: {error}") from None
            if piece:
                yield piece
            data = stream.unconsumed_tail
            if stream.eof:
                self._stream, data = None, stream.unused_data

    def end(self) -> bytes:
        """What was still held back. Raises BrokenStreamError where the stream is not complete."""
        if self._stream is None:
            return b""
        rest = self._stream.flush()
        if not self._stream.eof:
            raise BrokenStreamError(f"the {self._encoding} stream ends too early")
        return rest

    def _wbits(self, start: bytes) -> int:
        if self._encoding == "gzip":
            return _GZIP_WBITS
        return zlib.MAX_WBITS if start[0] & 0x0F == _ZLIB_METHOD else _RAW_WBITS
