"""What `status` says, from what Redis said last: pure."""

from typing import Final, NamedTuple

from livestream.frames import StreamState, status_json
from livestream.serving import ProgressReport, Status

# Contract, section 4.
IDLE_AFTER_MS: Final = 2 * 60_000
STALE_AFTER_MS: Final = 5_000


class Health(NamedTuple):
    """`lag_ms` is the slowest partition's, or our own if that is more; `rebuild` is the progress of one from 0 to 1."""

    state: StreamState
    last_message_ms: int | None = None
    lag_ms: int = 0
    rebuild: float | None = None

    def json(self, tick_ms: int) -> bytes:
        return status_json(self.state, self.last_message_ms, self.lag_ms, tick_ms, self.rebuild)


def assess(status: Status | None, age_ms: int, behind_ms: int = 0) -> Health:
    """`age_ms` is how long ago Redis gave that status: its clock is taken to have gone on since.

    So reports grow old while Redis is away, and staleness needs no rule of its own for that. `behind_ms`: for how long
    deltas have been in Redis that this gateway has not got; to viewers that is a lag like any other.
    """
    if status is None:
        return Health(StreamState.STALE)
    now_ms = status.now_ms + age_ms
    lag_ms = max([behind_ms, *(report.lag_ms for report in status.reports)])
    return Health(_state(status, now_ms, age_ms, lag_ms), status.last_message_ms, lag_ms, status.rebuild)


def _state(status: Status, now_ms: int, age_ms: int, lag_ms: int) -> StreamState:
    if status.cursor is None or status.rebuild is not None:
        return StreamState.STALE if age_ms >= STALE_AFTER_MS else StreamState.REBUILDING
    reports = {report.partition: report for report in status.reports}
    expected = [reports.get(partition) for partition in range(status.partitions)]
    if age_ms >= STALE_AFTER_MS or lag_ms > STALE_AFTER_MS or not all(_is_fresh(report, now_ms) for report in expected):
        return StreamState.STALE
    newest_ms = max((report.last_append_ms for report in status.reports), default=0)
    return StreamState.IDLE if now_ms - newest_ms >= IDLE_AFTER_MS else StreamState.LIVE


def _is_fresh(report: ProgressReport | None, now_ms: int) -> bool:
    return report is not None and now_ms - report.reported_ms < STALE_AFTER_MS
