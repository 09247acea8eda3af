"""Views, windows, changes, and the frames that carry them: rows → Server-Sent Events. Pure."""

from livestream.frames.change import Change
from livestream.frames.sse import (
    NameJson,
    SnapshotReason,
    StreamState,
    delta_json,
    name_json,
    snapshot_json,
    sse,
    sse_end,
    status_json,
    totals_json,
)
from livestream.frames.views import LIMITS, Limits, View, ViewKind
from livestream.frames.window import Window, message_order, most_first

__all__ = [
    "LIMITS",
    "Change",
    "Limits",
    "NameJson",
    "SnapshotReason",
    "StreamState",
    "View",
    "ViewKind",
    "Window",
    "delta_json",
    "message_order",
    "most_first",
    "name_json",
    "snapshot_json",
    "sse",
    "sse_end",
    "status_json",
    "totals_json",
]
