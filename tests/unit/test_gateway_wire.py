"""One encoding and one compression for all."""

import gzip
import zlib

import pytest

from livestream_gateway.wire import GZIP_HEADER, Form, Joined, Piece

FORMS = [Form(gzip, chunked) for gzip in (False, True) for chunked in (False, True)]
EVENTS = [b"event: status\ndata: {}\n\n", b"", b"event: delta\ndata: " + b"x" * 100_000 + b"\n\n", "😀".encode()]


def without_chunks(content: bytes) -> bytes:
    """RFC 9112, section 7.1."""
    body = b""
    while content:
        size, _, content = content.partition(b"\r\n")
        length = int(size, 16)
        body, content = body + content[:length], content[length:]
        assert content.startswith(b"\r\n")
        content = content[2:]
    return body


@pytest.mark.parametrize("form", FORMS)
def test_every_form_carries_the_same_bytes(form: Form) -> None:
    pieces = [Piece(event) for event in EVENTS]
    content = b"".join(piece.to(form) for piece in pieces)
    if form.chunked:
        content = without_chunks(content)
    if form.gzip:
        content = zlib.decompressobj(31).decompress(GZIP_HEADER + content)
    assert content == b"".join(EVENTS)


def test_blocks_may_come_in_any_order() -> None:
    form = Form(gzip=True, chunked=False)
    blocks = [Piece(event).to(form) for event in EVENTS]
    order = [2, 0, 2, 3, 0]
    content = GZIP_HEADER + b"".join(blocks[index] for index in order)
    assert zlib.decompressobj(31).decompress(content) == b"".join(EVENTS[index] for index in order)


def test_a_stream_can_be_read_before_it_ends() -> None:
    reader = zlib.decompressobj(31)
    reader.decompress(GZIP_HEADER)
    for event in EVENTS:
        assert reader.decompress(Piece(event).to(Form(gzip=True, chunked=False))) == event


@pytest.mark.parametrize("form", FORMS)
def test_all_clients_are_given_the_same_object(form: Form) -> None:
    joined = Joined(Piece(b"a"), Piece(b"b"))
    assert joined.to(form) is joined.to(form)
    assert joined.to(form) == Piece(b"a").to(form) + Piece(b"b").to(form)


def test_the_header_is_one_that_gzip_reads() -> None:
    whole = GZIP_HEADER + zlib.compress(b"content", wbits=-15) + zlib.crc32(b"content").to_bytes(4, "little")
    assert gzip.decompress(whole + (7).to_bytes(4, "little")) == b"content"
