"""How long history is kept: a setting whose changes are part of the read model's story, since they decide what counts.

An event is judged by the setting that was in force when the log took it, so a rebuild judges it as the live fold did.
Pure; times are milliseconds since 1970 UTC.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from livestream.events import FUTURE_TOLERANCE_MS, Event, Rejected
from livestream.times import format_ms

DAY_MS: Final = 24 * 60 * 60 * 1000

_NEVER_MS: Final = -(2**62)  # before every time that an event can carry
# Append times of one partition come from several brokers' clocks, and the drop looks at our own.
_CLOCKS_APART_MS: Final = 60 * 60 * 1000
# History goes in steps, since each makes viewers start anew: eight in the time kept, and at least one a day, so that
# the log, which is kept a day longer, reaches back to the oldest row.
_STEPS: Final = 8
_LONGEST_STEP_MS: Final = 20 * 60 * 60 * 1000


class RetentionChange(NamedTuple):
    """From `since_ms` on history is kept for `keep_ms`; None: forever."""

    since_ms: int
    keep_ms: int | None


class Retention:
    """All changes of the setting. Without any, history is kept forever."""

    def __init__(self, changes: Iterable[RetentionChange] = ()) -> None:
        self._changes = sorted(changes)

    def __len__(self) -> int:
        return len(self._changes)

    @property
    def keep_ms(self) -> int | None:
        """What holds now; None: forever."""
        return self._changes[-1].keep_ms if self._changes else None

    @property
    def since_ms(self) -> int | None:
        """From when on that holds; None without any change."""
        return self._changes[-1].since_ms if self._changes else None

    @property
    def ever_set(self) -> bool:
        """Whether history may have been dropped."""
        return any(change.keep_ms is not None for change in self._changes)

    def horizon_ms(self, append_ms: int) -> int:
        """An event appended then is too old where its `ts` is earlier. It never moves back: what is gone is gone."""
        horizon_ms = _NEVER_MS
        for number, (since_ms, keep_ms) in enumerate(self._changes):
            if since_ms > append_ms or keep_ms is None:
                continue
            following = self._changes[number + 1 : number + 2]
            until_ms = min([append_ms, *(change.since_ms for change in following)])
            horizon_ms = max(horizon_ms, until_ms - keep_ms)
        return horizon_ms

    def drop_before_ms(self, folded_up_to_ms: int) -> int | None:
        """What was appended earlier can be dropped, once all that was appended before `folded_up_to_ms` is folded.

        No event that is still to come reaches such a message: a repeat of it is too old, and so late that a deletion
        of its channel or user takes it along. None where nothing is to be dropped.
        """
        if self.keep_ms is None:
            return None
        step_ms = min(self.keep_ms // _STEPS, _LONGEST_STEP_MS)
        oldest_ms = self.horizon_ms(folded_up_to_ms - _CLOCKS_APART_MS) - FUTURE_TOLERANCE_MS
        return oldest_ms // step_ms * step_ms


def check_age(event: Event, append_ms: int, retention: Retention) -> Rejected | None:
    """Refuse an event from so long before its arrival that what it repeats or changes may be gone."""
    horizon_ms = retention.horizon_ms(append_ms)
    if event.ts_ms >= horizon_ms:
        return None
    return Rejected("too-old", f"is before {format_ms(horizon_ms)}: on arrival, history was not kept so long", "ts")
