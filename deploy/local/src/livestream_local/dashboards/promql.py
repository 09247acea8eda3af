"""Expressions that many panels are made of. `$__rate_interval` is Grafana's: four scrapes, or a step of the drawing."""

from collections.abc import Sequence
from typing import Final

WINDOW: Final = "$__rate_interval"


def rate(metric: str, by: Sequence[str] = (), labels: str = "") -> str:
    """How often a second, summed over all processes."""
    return f"sum{_by(by)}(rate({metric}{_in_braces(labels)}[{WINDOW}]))"


def quantile(share: float, histogram: str, by: Sequence[str] = (), labels: str = "") -> str:
    """What that share of observations is at most, over all processes."""
    buckets = rate(f"{histogram}_bucket", ("le", *by), labels)
    return f"histogram_quantile({share}, {buckets})"


def mean(histogram: str, by: Sequence[str] = (), labels: str = "") -> str:
    """The average of what was observed."""
    return f"{rate(f'{histogram}_sum', by, labels)} / {rate(f'{histogram}_count', by, labels)}"


def _by(names: Sequence[str]) -> str:
    return f" by ({', '.join(names)}) " if names else ""


def _in_braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""
