"""How often to tick: pure."""

from typing import Final

DEFAULT_TICK_MS: Final = 100
# What may be asked for: below it there would be a frame for every message, and above viewers see that they wait.
SHORTEST_TICK_MS: Final = 10
LONGEST_TICK_MS: Final = 1_000
# A gateway spends a third of its time on fan-outs as long as nobody waits longer than this for that. With 10,000
# clients and 1,000 messages a second a longer tick makes fan-outs longer by almost as much: none would be long enough.
_PATIENCE_MS: Final = 300
_FAN_OUTS_PER_PATIENT_TICK: Final = 3
# Beyond that, what it takes to answer new streams and health checks, which have a turn in every fan-out, too.
_FAN_OUTS_PER_TICK: Final = 1.5
# Slower at once, faster by a fifth a tick: clients should not see the pace flicker.
_RECOVERY: Final = 0.8


class Pace:
    """The time between ticks, `shortest_ms` where there is little to do; it grows with what a fan-out takes."""

    def __init__(self, shortest_ms: int = DEFAULT_TICK_MS) -> None:
        self.tick_ms = self._shortest_ms = shortest_ms

    def took(self, seconds: float) -> None:
        """Note how long a tick and its fan-out took."""
        fan_out_ms = seconds * 1000
        patient_ms = min(fan_out_ms * _FAN_OUTS_PER_PATIENT_TICK, _PATIENCE_MS)
        wanted_ms = max(patient_ms, fan_out_ms * _FAN_OUTS_PER_TICK, self.tick_ms * _RECOVERY)
        self.tick_ms = round(min(max(wanted_ms, self._shortest_ms), LONGEST_TICK_MS))
