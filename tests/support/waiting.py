"""Waiting for conditions, never for time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.02

Value = TypeVar("Value")


def wait_until(condition: Callable[[], Value], timeout_s: float = 10, what: str = "the condition") -> Value:
    """Asks until the answer is true, and returns it. Raises AssertionError when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s} s; last answer: {value!r}"
        time.sleep(POLL_S)


async def wait_until_async(
    condition: Callable[[], Awaitable[Value]], timeout_s: float = 10, what: str = "the condition"
) -> Value:
    """The same for a condition that must be awaited."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout_s} s; last answer: {value!r}"
        await asyncio.sleep(POLL_S)
