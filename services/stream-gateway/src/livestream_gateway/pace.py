"""How often to tick: pure."""

from typing import Final

SHORTEST_TICK_MS: Final = 100
LONGEST_TICK_MS: Final = 1_000
# Of its time a gateway spends at most a third on fan-outs, so that new streams and health checks are answered.
_TICKS_PER_FAN_OUT: Final = 3
# Slower at once, faster by a tenth a tick: clients should not see the pace flicker.
_RECOVERY: Final = 0.9


class Pace:
    """The time between ticks, which grows with what a fan-out takes."""

    def __init__(self) -> None:
        self.tick_ms = SHORTEST_TICK_MS

    def took(self, seconds: float) -> None:
        """Note how long a tick and its fan-out took."""
        wanted_ms = max(seconds * 1000 * _TICKS_PER_FAN_OUT, self.tick_ms * _RECOVERY)
        self.tick_ms = round(min(max(wanted_ms, SHORTEST_TICK_MS), LONGEST_TICK_MS))
