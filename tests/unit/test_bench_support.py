"""What benchmarks share."""

from pathlib import Path

import pytest

from bench.support.distribution import Distribution
from bench.support.docs import goals_table, record
from bench.support.goals import at_least, at_most
from bench.support.machine import describe_machine
from bench.support.rounds import Spread


def test_percentiles_are_times_that_were_measured() -> None:
    assert Distribution.of([n / 1000 for n in range(100, 0, -1)]) == pytest.approx((50, 95, 99, 100))
    assert Distribution.of([0.25]) == (250, 250, 250, 250)


def test_a_section_is_replaced_and_its_neighbours_stay(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    record("one", "## One\n\nfirst", page=page)
    record("two", "## Two", page=page)
    begun = page.read_text()
    record("one", "## One\n\nsecond", page=page)
    assert page.read_text() == begun.replace("first", "second")
    assert begun.startswith("# Benchmarks")
    assert begun.index("## One") < begun.index("## Two")


def test_the_goals_of_all_sections_stand_in_one_table(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    faster, sooner = at_least("rate", Spread(3, 2, 4), 2), at_most("p99", 260, 250)
    record("one", "## Number one", [faster], page)
    record("two", "## Two", [sooner], page)
    record("three", "## Three", page=page)
    record("one", "## Number one", [at_least("rate", 1.5, 2), sooner], page)
    assert goals_table(page).splitlines()[2:] == [
        "| [Number one](#number-one): rate | 1.5 × | ≥ 2.0 × | **no** |",
        "| [Number one](#number-one): p99 | 260 ms | ≤ 250 ms | **no** |",
        "| [Two](#two): p99 | 260 ms | ≤ 250 ms | **no** |",
    ]
    assert (faster.is_met, faster.measured) == (True, "3.0 (2.0–4.0) ×")
    assert page.read_text().count("## Number one") == 1


def test_a_machine_is_described_without_its_name() -> None:
    assert "GiB" in describe_machine()
