"""Events as bytes on a connection: encoded once, compressed once, framed once, for all clients alike.

All gzip clients share the same blocks: each connection begins with a gzip header of its own (RFC 1952), and every block
is raw deflate (RFC 1951) that refers to nothing before it and ends with a full flush, so blocks of any views may follow
one another. Such a stream has no end, and so never needs the checksum that would end it.
"""

import zlib
from typing import Final, NamedTuple, Protocol

# No name, no time, unknown system.
GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# Measured on frames of 200 chat messages: 0.4 ms. Level 1 takes half of it for 9 % more, level 9 twice for 3 % less.
_LEVEL: Final = 6
_RAW_DEFLATE: Final = -15


class Form(NamedTuple):
    """What a connection takes. HTTP/1.0 knows no chunks; the end of the connection ends the stream there."""

    gzip: bool
    chunked: bool


class Wire(Protocol):
    """Something to send."""

    def to(self, form: Form) -> bytes:
        """The bytes for connections of a form; the same object at each call."""
        ...


class Piece:
    """A piece of a stream."""

    __slots__ = ("_forms", "_plain")

    def __init__(self, plain: bytes) -> None:
        self._plain = plain
        self._forms: dict[Form, bytes] = {}

    def to(self, form: Form) -> bytes:
        held = self._forms.get(form)
        if held is None:
            held = self._forms[form] = self._make(form)
        return held

    def _make(self, form: Form) -> bytes:
        if form.chunked:
            content = self.to(Form(form.gzip, chunked=False))
            return b"%x\r\n%b\r\n" % (len(content), content)
        return _block(self._plain) if form.gzip else self._plain


class Joined:
    """Pieces that follow one another, as one."""

    __slots__ = ("_forms", "_pieces")

    def __init__(self, *pieces: Wire) -> None:
        self._pieces = pieces
        self._forms: dict[Form, bytes] = {}

    def to(self, form: Form) -> bytes:
        held = self._forms.get(form)
        if held is None:
            held = self._forms[form] = b"".join(piece.to(form) for piece in self._pieces)
        return held


def _block(content: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE)
    return compressor.compress(content) + compressor.flush(zlib.Z_FULL_FLUSH)
