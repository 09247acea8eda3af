"""How lively it is, in numbers and as a chart: what came counts once, and what is not known is no zero."""

import re

import pytest

from livestream.serving import Activity
from livestream_web.activity import BARS, HEIGHT, LEAST_HEIGHT, LEAST_TOP, ActivityChart

STEP_MS = 5_000
# The middle of a step, which is the first of a bar.
NOW_MS = 1_800_000_000_000 + STEP_MS // 2
NOW = NOW_MS // STEP_MS


def chart(counts: dict[int, int], now_ms: int = NOW_MS) -> ActivityChart:
    """`counts` by steps before the one of `NOW_MS`."""
    return ActivityChart(now_ms, 0, STEP_MS, {NOW - back: count for back, count in counts.items()})


@pytest.mark.parametrize(("back", "seen"), [(0, 8), (1, 8), (11, 8), (12, 4), (13, 0)])
def test_a_minute_holds_what_came_in_it(back: int, seen: int) -> None:
    """Of the step that it begins in, as much as lies in it: a steady rate gives a steady number."""
    assert chart({back: 8}).per_minute == seen


@pytest.mark.parametrize("offset_ms", [0, 1, 2_500, 4_999])
def test_a_steady_rate_gives_a_steady_number(offset_ms: int) -> None:
    now_ms = NOW * STEP_MS + offset_ms
    per_step = STEP_MS
    counts = dict.fromkeys(range(1, 40), per_step) | {0: offset_ms}
    assert chart(counts, now_ms).per_minute == 12 * per_step


def test_a_bar_is_the_sum_of_its_steps_and_unknown_only_where_both_are() -> None:
    bars = chart({0: 1, 1: 2, 2: 3, 3: 4, 8: 0}).bars
    assert len(bars) == BARS
    assert bars[-6:] == [None, 0, None, 4, 5, 1]


def test_what_is_not_known_is_a_gap_and_nothing_is_a_line() -> None:
    counts = {NOW // 2 * 2: 3, NOW // 2 * 2 - 4: 0}
    drawn = ActivityChart(NOW_MS, 0, STEP_MS, counts)
    assert [bar for bar in drawn.bars if bar is not None] == [0, 3]
    tops = [HEIGHT - int(top) for top in re.findall(r"M\d+ 100V(\d+)h4V100z", drawn.path)]
    assert tops == [LEAST_HEIGHT, 3 * HEIGHT // LEAST_TOP]
    assert drawn.summary == "Last 10 min (counted for 20 s): 3, at most 3 in 10 s"
    assert chart({}).summary == "Last 10 min (counted for 0 s): 0, at most 0 in 10 s"


def test_the_highest_bar_fills_the_chart() -> None:
    drawn = chart(dict.fromkeys(range(121), 1_000))
    assert f"V0h4V{HEIGHT}z" in drawn.path
    assert drawn.summary.startswith("Last 10 min: 119,000, at most 2,000 in 10 s")


def test_a_later_total_is_counted_once_and_a_smaller_one_takes_nothing() -> None:
    lately = Activity(NOW_MS, 100, STEP_MS, {NOW: 4})
    assert ActivityChart.at(lately, 103, NOW_MS).per_minute == 7
    assert ActivityChart.at(lately, 90, NOW_MS).per_minute == 4
    assert lately.counts == {NOW: 4}


def test_the_data_are_the_bars_steps() -> None:
    shown = chart({0: 1, 2: 5, 200: 9}).json
    assert shown.counts[-3:] == [5, None, 1]
    assert 9 not in shown.counts
    assert shown.from_ < shown.as_of
