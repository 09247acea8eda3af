"""What is aimed at, beside what one recorded run measured: docs/benchmarks.md begins with a table of all of them."""

from typing import NamedTuple

from bench.support.rounds import Spread


class Goal(NamedTuple):
    """`measured` and `wanted` with their units, as people read them."""

    what: str
    measured: str
    wanted: str
    is_met: bool


def at_least(what: str, measured: Spread | float, wanted: float, spec: str = ".1f", unit: str = "×") -> Goal:
    """Of a spread its median counts."""
    return Goal(what, _told(measured, spec, unit), f"≥ {wanted:{spec}} {unit}", _middle(measured) >= wanted)


def at_most(what: str, measured: Spread | float, wanted: float, spec: str = ",.0f", unit: str = "ms") -> Goal:
    """Of a spread its median counts."""
    return Goal(what, _told(measured, spec, unit), f"≤ {wanted:{spec}} {unit}", _middle(measured) <= wanted)


def _middle(measured: Spread | float) -> float:
    return measured.median if isinstance(measured, Spread) else measured


def _told(measured: Spread | float, spec: str, unit: str) -> str:
    figure = measured.told(spec) if isinstance(measured, Spread) else f"{measured:{spec}}"
    return f"{figure} {unit}"
