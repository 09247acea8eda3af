"""One view that somebody watches: its window in memory, moved on by deltas, and what its clients have to be told."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from livestream.deltas import Delta, Totals
from livestream.frames import Change, SnapshotReason, View, Window, delta_json, snapshot_json, sse
from livestream.readmodel import ViewRead
from livestream_gateway import metrics
from livestream_gateway.retention import RecentDeltas
from livestream_gateway.wire import Piece

if TYPE_CHECKING:
    from livestream_gateway.stream import Stream


class _Untold(NamedTuple):
    """What happened since `before`, which the clients hold, while the window has to be read anew."""

    before: Window
    change: Change


class WatchedView:
    """`window` is exact at the hub's border, or None while it is being read; `ready` says the same."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.window: Window | None = None
        self.as_of_ms = 0
        self.ready = asyncio.Event()
        self.reading = False
        self.streams: set[Stream] = set()
        self.watchers = 0
        self.unwatched_since = 0.0
        self._arrived: ViewRead | None = None
        self._untold: _Untold | None = None
        self._snapshots: dict[SnapshotReason, Piece] = {}

    @property
    def needs_reading(self) -> bool:
        return self.window is None and self._arrived is None and not self.reading

    @property
    def has_arrived(self) -> bool:
        """Whether a read waits for the border to get to its cursor."""
        return self._arrived is not None

    def has_arrived_by(self, border: int) -> bool:
        """Whether it need not wait any more."""
        return self._arrived is not None and self._arrived.window.sequence <= border

    def void(self) -> None:
        """Forget everything: it belongs to another epoch, or deltas were missed."""
        self._set_window(None)
        self._arrived = self._untold = None

    def arrive(self, read: ViewRead) -> None:
        """A read is there; it counts from the tick that gets to its cursor."""
        self._arrived = read

    def stay(self, border: int) -> None:
        """Move on to the border by deltas that do not concern this view."""
        if self.window is not None:
            self.window.sequence = border

    def advance(self, deltas: Sequence[Delta], recent: RecentDeltas) -> Piece | None:
        """Move on to `recent.end`, the new border, by the deltas since the last one. Returns what the clients are told.

        None where there is nothing to tell, or not yet.
        """
        if self.window is not None:
            return self._move_on(self.window, deltas) if deltas else None
        if self._untold:
            for delta in deltas:
                self._untold.change.add(delta)
        return self._settle(self._arrived, recent) if self._arrived else None

    def take_lost(self) -> bool:
        """Whether its clients miss messages that one frame does not tell; they have to be caught up one by one."""
        lost = self._untold is not None and self._untold.change.misses_messages
        if lost:
            self._untold = None
        return lost

    def snapshot(self, reason: SnapshotReason) -> Piece:
        """The window as an event, still without its end; the same object until it moves on."""
        if self.window is None:
            raise RuntimeError(f"{self.view} is not ready")
        held = self._snapshots.get(reason)
        if held is None:
            held = self._snapshots[reason] = Piece(sse("snapshot", snapshot_json(self.window, self.as_of_ms, reason)))
        return held

    def _move_on(self, window: Window, deltas: Sequence[Delta]) -> Piece | None:
        before = window.copy() if any(delta.shrinks for delta in deltas) else None
        totals_before, change = window.totals, Change(self.view)
        for delta in deltas:
            change.add(delta)
            window.apply(delta)
        if window.needs_refill and before:
            self._set_window(None)
            self._untold = _Untold(before, change)
            return None
        self._set_window(window, deltas[-1].as_of_ms)
        return self._told(change.completed(window, before), totals_before)

    def _settle(self, read: ViewRead, recent: RecentDeltas) -> Piece | None:
        window = read.window
        if window.sequence > recent.end:
            return None
        self._arrived = None
        if not recent.covers(window.sequence):
            return None
        missed = recent.between(window.sequence, recent.end)
        for delta in missed:
            window.apply(delta)
        if window.needs_refill:
            return None
        self._set_window(window, missed[-1].as_of_ms if missed else read.as_of_ms)
        untold, self._untold = self._untold, None
        return self._told(untold.change.completed(window, untold.before), untold.before.totals) if untold else None

    def _told(self, change: Change, totals_before: Totals) -> Piece | None:
        if self.window is None or not self.streams:
            return None
        if change.empty and (not self.view.has_totals or self.window.totals == totals_before):
            return None
        if change.misses_too_much and change.is_told_by(self.window):
            metrics.SNAPSHOTS.labels(SnapshotReason.BEHIND.value).inc(len(self.streams))
            return self.snapshot(SnapshotReason.BEHIND)
        return Piece(sse("delta", delta_json(change, self.as_of_ms, self.window.totals, totals_before)))

    def _set_window(self, window: Window | None, as_of_ms: int = 0) -> None:
        self.window, self.as_of_ms = window, as_of_ms
        self._snapshots.clear()
        if window is None:
            self.ready.clear()
        else:
            self.ready.set()
