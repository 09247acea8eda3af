"""The newest deltas in memory, as the source for ticks and resumption."""

from typing import Final

from livestream.deltas import Delta

# As long as Redis keeps them (serving.lua); older cursors are evicted there too.
RETAINED_MS: Final = 15 * 60_000
# Measured: decoded rows take about this many times their MessagePack; a delta without rows is not free either.
_MEMORY_PER_BYTE: Final = 3
_DELTA_BYTES: Final = 1_000


class RecentDeltas:
    """The deltas of (start, end], without gaps. The oldest go when they are too old or too many bytes in all."""

    def __init__(self, at: int, max_bytes: int) -> None:
        self.start = at
        self.end = at
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._deltas: dict[int, Delta] = {}

    def append(self, delta: Delta) -> None:
        """The delta that follows on `end`."""
        self.end = delta.sequence
        self._deltas[delta.sequence] = delta
        self.held_bytes += _memory_of(delta)
        oldest_ms = delta.as_of_ms - RETAINED_MS
        # The newest one stays whatever its size: it has not been told yet.
        while self.start < self.end - 1 and (
            self.held_bytes > self._max_bytes or self._deltas[self.start + 1].as_of_ms < oldest_ms
        ):
            self._drop_oldest()

    def covers(self, sequence: int) -> bool:
        """Whether all that follows on `sequence` is held, as far as there is any."""
        return self.start <= sequence <= self.end

    def between(self, after: int, to: int) -> list[Delta]:
        """The deltas of (after, to], which must be held."""
        return [self._deltas[sequence] for sequence in range(after + 1, to + 1)]

    def forget(self, to: int) -> None:
        """Drop the deltas up to and with `to`."""
        while self.start < min(to, self.end):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self.start += 1
        self.held_bytes -= _memory_of(self._deltas.pop(self.start))


def _memory_of(delta: Delta) -> int:
    return _DELTA_BYTES + _MEMORY_PER_BYTE * delta.size_bytes
