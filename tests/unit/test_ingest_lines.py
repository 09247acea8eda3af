"""Cutting a stream into lines, wherever the pieces break."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livestream.events import Rejected
from livestream_ingest.lines import LINE_MAX_BYTES, LineCutter

LONGEST = b"x" * LINE_MAX_BYTES


def cut(*pieces: bytes) -> list[bytes | None]:
    """None for a line that is too long."""
    cutter = LineCutter()
    items = [item for piece in pieces for item in cutter.cut(piece)] + cutter.end()
    return [None if isinstance(item, Rejected) else item.strip() for item in items]


@given(st.lists(st.sampled_from([b"a", b"bc", b"", b" ", b"\t"])), st.lists(st.integers(0, 60)), st.booleans())
def test_lines_do_not_depend_on_the_pieces(lines: list[bytes], breaks: list[int], windows: bool) -> None:
    stream = (b"\r\n" if windows else b"\n").join(lines)
    places = [0, *sorted(min(place, len(stream)) for place in breaks), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert cut(*pieces) == [line for line in lines if line.strip()]


@pytest.mark.parametrize("size", [1_000, 65_535, 65_536, 65_537, 65_538, 200_000])
def test_a_line_that_is_too_long_is_one_error_and_the_stream_goes_on(size: int) -> None:
    stream = b"a\n" + LONGEST + b"\r\n" + LONGEST + b"y\nb\n" + LONGEST * 5 + b"\n\nc\n" + LONGEST + b"z"
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert cut(*pieces) == [b"a", LONGEST, None, b"b", None, b"c", None]


def test_of_a_line_that_is_too_long_nothing_is_kept() -> None:
    cutter = LineCutter()
    found = [item for _ in range(1_000) for item in cutter.cut(LONGEST)]
    assert len(found) == 1
    assert cutter.cut(b"end\nnext\n") == [b"next"]
    assert cutter.end() == []
