"""How many items may come in a second, over all requests."""

import time
from collections.abc import Callable


class TokenBucket:
    """Holds up to one second's items. A request may take more than is there, once: the next ones wait for it.

    So a request of any size can pass, and the rate holds over time.
    """

    def __init__(self, items_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = items_per_second
        self._clock = clock
        self._tokens = max(items_per_second, 1.0)
        self._filled_at = clock()

    def take(self, items: int) -> float:
        """Take tokens; 0.0 if that was allowed, else nothing is taken and the answer is the seconds to wait."""
        if not self._rate or not items:
            return 0.0
        now = self._clock()
        self._tokens = min(self._tokens + (now - self._filled_at) * self._rate, max(self._rate, 1.0))
        self._filled_at = now
        if self._tokens < 1.0:
            return (1.0 - self._tokens) / self._rate
        self._tokens -= items
        return 0.0
