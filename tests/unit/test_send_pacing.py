"""When the lines of `./live send` are due."""

from collections.abc import Iterable

import pytest

from livestream_local.send.pacing import MAX_CHUNK_LINES, Chunk, Pacing, at_own_speed, at_rate, unpaced
from livestream_local.send.source import Line


def block(*contents: str, first: int = 1) -> list[Line]:
    return [Line(number, content.encode()) for number, content in enumerate(contents, first)]


def shape(chunks: Iterable[Chunk]) -> list[tuple[float, int]]:
    return [(round(chunk.due_s, 6), len(chunk.lines)) for chunk in chunks]


def at(*seconds: float) -> list[Line]:
    return block(*(f'{{"ts":"2026-01-01T00:00:{second:06.3f}Z"}}' for second in seconds))


def test_unpaced_chunks_are_due_at_once_and_bounded() -> None:
    blocks = [block(*["x"] * (MAX_CHUNK_LINES + 1)), block("y")]
    assert shape(unpaced(blocks)) == [(0, MAX_CHUNK_LINES), (0, 1), (0, 1)]


def test_a_rate_is_kept_on_average_whatever_the_blocks() -> None:
    blocks = [block(*["x"] * 450), block(*["x"] * 30), block(*["x"] * 200)]
    assert shape(at_rate(2000)(blocks)) == [(0, 200), (0.1, 200), (0.2, 50), (0.225, 30), (0.24, 200)]


def test_a_low_rate_sends_line_by_line() -> None:
    assert shape(at_rate(0.5)([block("a", "b", "c")])) == [(0, 1), (2, 1), (4, 1)]


def test_own_times_set_the_pace() -> None:
    assert shape(at_own_speed(2)([at(1, 1.1, 1.1, 5, 5.3)])) == [(0, 3), (2, 1), (2.15, 1)]


def test_times_that_go_back_do_not_wait() -> None:
    assert shape(at_own_speed(1)([at(10, 2, 11, 3)])) == [(0, 2), (1, 2)]


def test_lines_without_a_time_go_with_their_predecessor() -> None:
    lines = [*at(1, 3), *block("not json", '{"ts":"yesterday"}', "{}", first=3)]
    assert shape(at_own_speed(1)([lines])) == [(0, 1), (2, 4)]


def test_own_times_go_on_over_blocks() -> None:
    assert shape(at_own_speed(1)([at(1), at(2), at(1.5)])) == [(0, 1), (1, 1), (1, 1)]


@pytest.mark.parametrize("pacing", [unpaced, at_rate(7), at_rate(1e9), at_own_speed(3)])
def test_every_line_is_in_one_chunk_in_order(pacing: Pacing) -> None:
    blocks = [at(1, 2, 2, 4), block("x", first=5), at(*range(59))]
    chunks = list(pacing(blocks))
    assert [line for chunk in chunks for line in chunk.lines] == [line for lines in blocks for line in lines]
    assert all(chunk.lines for chunk in chunks)
    assert [chunk.due_s for chunk in chunks] == sorted(chunk.due_s for chunk in chunks)
