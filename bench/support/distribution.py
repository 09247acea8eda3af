"""Percentiles of measured times."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Distribution(NamedTuple):
    """Times in milliseconds, by the nearest rank: each is a time that was measured."""

    p50: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Distribution":
        """Of at least one time in seconds."""
        ranked = sorted(seconds)

        def at(share: float) -> float:
            return ranked[max(math.ceil(share * len(ranked)) - 1, 0)] * 1000

        return cls(at(0.5), at(0.95), at(0.99), ranked[-1] * 1000)
