"""Decompression: complete streams only, and never much at a time."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from livestream_ingest.decompression import PIECE_BYTES, BrokenStreamError, Decompressor

DATA = b"".join(b"line %d\n" % number for number in range(20_000))


def bare(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def members(data: bytes) -> bytes:
    return gzip.compress(data[:1000]) + gzip.compress(b"") + gzip.compress(data[1000:])


FORMS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("gzip", members),
    ("deflate", zlib.compress),
    ("deflate", bare),
]


def decompress(encoding: str, data: bytes, piece_bytes: int) -> bytes:
    decompressor = Decompressor(encoding)
    found = []
    for start in range(0, len(data), piece_bytes):
        found += list(decompressor.feed(data[start : start + piece_bytes]))
    return b"".join([*found, decompressor.end()])


@pytest.mark.parametrize(("encoding", "compress"), FORMS)
@pytest.mark.parametrize("piece_bytes", [1, 7, 1_000, 10**9])
def test_pieces_of_any_size_give_the_same(encoding: str, compress: Callable[[bytes], bytes], piece_bytes: int) -> None:
    assert decompress(encoding, compress(DATA), piece_bytes) == DATA
    assert decompress(encoding, compress(b""), piece_bytes) == b""


@pytest.mark.parametrize(("encoding", "compress"), FORMS)
def test_a_stream_that_was_cut_off_is_noticed(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    data = compress(DATA)
    for kept in (1, len(data) // 2, len(data) - 1):
        with pytest.raises(BrokenStreamError, match="ends too early"):
            decompress(encoding, data[:kept], 1_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_no_stream_is_noticed(encoding: str) -> None:
    for data in (b"plain text, not compressed", gzip.compress(DATA)[:100] + b"?" * 100):
        with pytest.raises(BrokenStreamError, match=f"not a {encoding} stream"):
            decompress(encoding, data, 1_000)


def test_a_bomb_goes_off_in_pieces() -> None:
    size = 100 * 2**20
    pieces = [len(piece) for piece in Decompressor("gzip").feed(gzip.compress(bytes(size)))]
    assert sum(pieces) == size
    assert max(pieces) == PIECE_BYTES
