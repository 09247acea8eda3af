"""How often to tick: pure."""

from typing import Final

DEFAULT_TICK_MS: Final = 100
# What may be asked for: below it there would be a frame for every message, and above viewers see that they wait.
SHORTEST_TICK_MS: Final = 10
LONGEST_TICK_MS: Final = 1_000
# Of its time a gateway spends at most a third on fan-outs, so that new streams and health checks are answered.
_TICKS_PER_FAN_OUT: Final = 3
# Slower at once, faster by a tenth a tick: clients should not see the pace flicker.
_RECOVERY: Final = 0.9


class Pace:
    """The time between ticks, `shortest_ms` where there is little to do; it grows with what a fan-out takes."""

    def __init__(self, shortest_ms: int = DEFAULT_TICK_MS) -> None:
        self.tick_ms = self._shortest_ms = shortest_ms

    def took(self, seconds: float) -> None:
        """Note how long a tick and its fan-out took."""
        wanted_ms = max(seconds * 1000 * _TICKS_PER_FAN_OUT, self.tick_ms * _RECOVERY)
        self.tick_ms = round(min(max(wanted_ms, self._shortest_ms), LONGEST_TICK_MS))
