"""What is done again and again goes on after errors that were expected, and ends with all others."""

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from livestream.retries import keep_doing

OPERATION = "look_around"


class EnoughError(Exception):
    """Not one that is tried again."""


class Work:
    """Each outcome in turn: an error to raise, or seconds to rest."""

    def __init__(self, *outcomes: Exception | float) -> None:
        self._outcomes = iter(outcomes)

    async def __call__(self) -> float:
        outcome = next(self._outcomes, EnoughError())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def retries() -> float:
    return REGISTRY.get_sample_value("livestream_retries_total", {"operation": OPERATION}) or 0


async def test_a_failure_is_counted_logged_and_tried_again_after_longer_and_longer() -> None:
    begun: list[int] = []

    def backoff() -> Iterator[float]:
        begun.append(len(begun))
        return iter([0.001, 0.002, 0.003])

    before = retries()
    with capture_logs() as logs, pytest.raises(EnoughError):
        await keep_doing(OPERATION, Work(0, OSError("a"), OSError("b"), 0, OSError("c")), (OSError,), backoff)
    told = [(entry["event"], entry["error"], entry["delay_s"]) for entry in logs]
    failed = f"{OPERATION}_failed"
    # What worked in between lets it begin with the shortest delay again.
    assert told == [(failed, "OSError: a", 0.001), (failed, "OSError: b", 0.002), (failed, "OSError: c", 0.001)]
    assert retries() == before + 3
    assert begun == [0, 1, 2]
