"""Frames as Server-Sent Events: bytes that are the same for every client. Pure.

Fields: WHATWG HTML, "Server-sent events". JSON has no line ends of its own, so `data` is always one line.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from livestream import times
from livestream.cursor import Cursor
from livestream.deltas import MessageKey, MessageRow, NameRow, Totals
from livestream.frames.change import Change
from livestream.frames.window import Window, most_first


class SnapshotReason(StrEnum):
    """Why a client gets the whole view."""

    START = "start"
    EPOCH = "epoch"
    EVICTED = "evicted"
    UNKNOWN_CURSOR = "unknown-cursor"
    BEHIND = "behind"
    SLOW = "slow"


class StreamState(StrEnum):
    """What `status` says of what the client sees."""

    LIVE = "live"
    IDLE = "idle"
    STALE = "stale"
    REBUILDING = "rebuilding"


class _TotalsJson(msgspec.Struct, frozen=True):
    messages: int
    channels: int
    users: int


class NameJson(msgspec.Struct, frozen=True):
    """A channel's or a user's row as frames and the API carry it."""

    name: str
    display_name: str | msgspec.UnsetType
    messages: int
    last_message_at: str | msgspec.UnsetType


class _RemovedJson(msgspec.Struct, frozen=True):
    messages: list[MessageKey] | msgspec.UnsetType = msgspec.UNSET
    channels: list[tuple[str, str]] | msgspec.UnsetType = msgspec.UNSET
    users: list[tuple[str, str]] | msgspec.UnsetType = msgspec.UNSET


class _FrameJson(msgspec.Struct, frozen=True):
    view: str
    as_of: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    totals: _TotalsJson | msgspec.UnsetType = msgspec.UNSET
    removed: _RemovedJson | msgspec.UnsetType = msgspec.UNSET
    messages: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    channels: list[NameJson] | msgspec.UnsetType = msgspec.UNSET
    users: list[NameJson] | msgspec.UnsetType = msgspec.UNSET


class _StatusJson(msgspec.Struct, frozen=True):
    state: str
    last_message_at: str | None
    lag_ms: int
    tick_ms: int
    rebuild_progress: float | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def name_json(row: NameRow) -> NameJson:
    if not row.messages:
        return NameJson(row.name, msgspec.UNSET, 0, msgspec.UNSET)
    return NameJson(row.name, row.display_name or msgspec.UNSET, row.messages, times.format_ms(row.last_ms))


def totals_json(totals: Totals) -> _TotalsJson:
    return _TotalsJson(totals.messages, totals.channels, totals.users)


def snapshot_json(window: Window, as_of_ms: int, reason: SnapshotReason | None = None) -> bytes:
    """The whole view."""
    view, limits = window.view, window.view.limits
    channels, users = (sorted(rows, key=most_first) for rows in (window.channels, window.users))
    return _encode(
        _FrameJson(
            view=str(view),
            as_of=times.format_ms(as_of_ms),
            reason=reason.value if reason else msgspec.UNSET,
            totals=totals_json(window.totals) if view.has_totals else msgspec.UNSET,
            messages=_raw(window.messages) if limits.messages else msgspec.UNSET,
            channels=_names(channels, view.name) if limits.channels else msgspec.UNSET,
            users=_names(users, view.name) if limits.users else msgspec.UNSET,
        )
    )


def delta_json(change: Change, as_of_ms: int, totals: Totals, totals_before: Totals | None = None) -> bytes:
    """What changed; keys without a change are absent. `totals_before`: what the clients hold, where that is known."""
    return _encode(
        _FrameJson(
            view=str(change.view),
            as_of=times.format_ms(as_of_ms),
            totals=totals_json(totals) if change.view.has_totals and totals != totals_before else msgspec.UNSET,
            removed=_removed(change),
            messages=_raw(change.sorted_messages()) or msgspec.UNSET,
            channels=[name_json(row) for row in change.sorted_names(change.channels)] or msgspec.UNSET,
            users=[name_json(row) for row in change.sorted_names(change.users)] or msgspec.UNSET,
        )
    )


def status_json(
    state: StreamState, last_message_ms: int | None, lag_ms: int, tick_ms: int, rebuild: float | None = None
) -> bytes:
    return _encode(
        _StatusJson(
            state.value,
            None if last_message_ms is None else times.format_ms(last_message_ms),
            lag_ms,
            tick_ms,
            msgspec.UNSET if rebuild is None else round(rebuild, 3),
        )
    )


def sse(event: str, data: bytes) -> bytes:
    """One event but for its end: `sse_end` completes it, so that the same bytes serve with and without a position."""
    return b"".join((b"event: ", event.encode(), b"\ndata: ", data, b"\n"))


def sse_end(cursor: Cursor | None = None) -> bytes:
    """The end of an event. `cursor` is the position that it completes, if it completes one."""
    return f"id: {cursor}\n\n".encode() if cursor else b"\n"


def _raw(rows: Iterable[MessageRow]) -> list[msgspec.Raw]:
    return [msgspec.Raw(row.json) for row in rows]


def _names(rows: Iterable[NameRow], only: str) -> list[NameJson]:
    found = [name_json(row) for row in rows]
    return found if found or not only else [NameJson(only, msgspec.UNSET, 0, msgspec.UNSET)]


def _removed(change: Change) -> _RemovedJson | msgspec.UnsetType:
    if not (change.removed_messages or change.removed_channels or change.removed_users):
        return msgspec.UNSET
    return _RemovedJson(
        sorted(change.removed_messages) or msgspec.UNSET,
        _removed_names(change.removed_channels) or msgspec.UNSET,
        _removed_names(change.removed_users) or msgspec.UNSET,
    )


def _removed_names(removed: dict[str, int]) -> list[tuple[str, str]]:
    return [(name, times.format_ms(up_to_ms)) for name, up_to_ms in sorted(removed.items())]
