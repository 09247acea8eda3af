"""What benchmarks share."""

from pathlib import Path

import pytest

from bench.support.distribution import Distribution
from bench.support.docs import record
from bench.support.machine import describe_machine


def test_percentiles_are_times_that_were_measured() -> None:
    assert Distribution.of([n / 1000 for n in range(100, 0, -1)]) == pytest.approx((50, 95, 99, 100))
    assert Distribution.of([0.25]) == (250, 250, 250, 250)


def test_a_section_is_replaced_and_its_neighbours_stay(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "benchmarks.md"
    record("one", "## One\n\nfirst", page)
    record("two", "## Two", page)
    begun = page.read_text()
    record("one", "## One\n\nsecond", page)
    assert page.read_text() == begun.replace("first", "second")
    assert begun.startswith("# Benchmarks")
    assert begun.index("## One") < begun.index("## Two")


def test_a_machine_is_described_without_its_name() -> None:
    assert "GiB" in describe_machine()
