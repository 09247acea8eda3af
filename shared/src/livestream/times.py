"""Times inside the system: whole milliseconds since 1970-01-01 UTC, as `int`.

Kafka's append time and everything we show have millisecond resolution, so order, comparison and display use one
resolution: two times that look equal are equal.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - formatting only; offsets have been applied before
_MILLISECOND = timedelta(milliseconds=1)

MIN_MS = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // _MILLISECOND
MAX_MS = (datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC) - EPOCH) // _MILLISECOND


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    """An aware datetime, rounded down to the millisecond.

    Raises ValueError where its UTC year is outside 1 to 9999, which RFC 3339 cannot write.
    """
    ms = (moment - EPOCH) // _MILLISECOND
    if not MIN_MS <= ms <= MAX_MS:
        raise ValueError("its year in UTC is outside 0001 to 9999")
    return ms


def format_ms(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`."""
    second, millisecond = divmod(ms, 1000)
    return f"{_format_second(second)}.{millisecond:03d}Z"


@lru_cache(4096)  # most of what is formatted is recent; this makes it four times as fast
def _format_second(second: int) -> str:
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()
