"""Trying again: exponential backoff with full jitter, counted and logged."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, TypeVar

from prometheus_client import Counter

from livestream.logs import get_logger

T = TypeVar("T")

RETRIES = Counter(
    "livestream_retries_total", "Attempts that failed and are made again, by what was attempted", ["operation"]
)

# Fast enough that a restarted server is found at once, slow enough that it is not flooded while it starts.
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0

_log = get_logger(__name__)


def delays(first: float = FIRST_DELAY_SECONDS, longest: float = LONGEST_DELAY_SECONDS) -> Iterator[float]:
    """Endless delays in seconds, each drawn from 0 to a bound that doubles: many clients return spread out."""
    bound = first
    while True:
        yield random.uniform(0, bound)
        bound = min(bound * 2, longest)


async def until_it_works(operation: str, attempt: Callable[[], Awaitable[T]], errors: tuple[type[Exception], ...]) -> T:
    """Run `attempt` until it raises none of `errors`. Anything else it raises is the caller's."""
    for delay in delays():
        try:
            return await attempt()
        except errors as error:
            RETRIES.labels(operation).inc()
            _log.warning("retry", operation=operation, error=describe(error), delay_s=round(delay, 3))
        await asyncio.sleep(delay)
    raise AssertionError("delays() never ends")


async def keep_doing(
    operation: str,
    work: Callable[[], Awaitable[float]],
    errors: tuple[type[Exception], ...],
    backoff: Callable[[], Iterator[float]] = delays,
) -> NoReturn:
    """Run `work` again and again until cancelled; it returns for how many seconds to rest before the next time.

    Where it raises one of `errors`, that is logged as `<operation>_failed`, and the next of `backoff` is waited for.
    Anything else it raises is the caller's.
    """
    waits = backoff()
    while True:
        try:
            rest_s = await work()
        except errors as error:
            rest_s = next(waits)
            RETRIES.labels(operation).inc()
            _log.warning(f"{operation}_failed", error=describe(error), delay_s=round(rest_s, 3))
        else:
            waits = backoff()
        await asyncio.sleep(rest_s)


def describe(error: BaseException) -> str:
    """One line about an error, never empty."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].rstrip(": ")
