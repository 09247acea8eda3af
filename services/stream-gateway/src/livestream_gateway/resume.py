"""What a client that comes with a cursor is sent: a pure decision."""

from enum import Enum
from typing import Final, NamedTuple

from livestream.cursor import Cursor
from livestream.frames import SnapshotReason


class Unreadable(Enum):
    """What stands for a cursor that is not of a cursor's form."""

    CURSOR = "unreadable"


# Where a client says that it is: nowhere yet, at a cursor, or at something that is none.
Claim = Cursor | Unreadable | None


class Snapshot(NamedTuple):
    """The whole view."""

    reason: SnapshotReason


class Plan(Enum):
    """`CURRENT`: nothing is missed. `CATCH_UP`: what lies between. `AHEAD`: wait, if Redis is that far."""

    CURRENT = "current"
    CATCH_UP = "catch-up"
    AHEAD = "ahead"


START: Final = Snapshot(SnapshotReason.START)
EPOCH: Final = Snapshot(SnapshotReason.EPOCH)
UNKNOWN_CURSOR: Final = Snapshot(SnapshotReason.UNKNOWN_CURSOR)


def read_claim(last_event_id: str | None, query_cursor: str | None) -> Claim:
    """The header wins: a page reconnects with the address it was rendered with, and a newer position in the header."""
    text = last_event_id or query_cursor
    return (Cursor.parse(text) or Unreadable.CURSOR) if text else None


def said(claim: Claim) -> str | None:
    """As logs tell it: what was unreadable is the client's own writing, which they do not repeat."""
    if isinstance(claim, Unreadable):
        return claim.value
    return str(claim) if claim else None


def decide(claim: Claim, border: Cursor) -> Snapshot | Plan:
    """`border` is the position up to which this gateway has told everybody else."""
    if claim is None:
        return START
    if isinstance(claim, Unreadable):
        return UNKNOWN_CURSOR
    if claim.epoch != border.epoch:
        return EPOCH
    if claim.sequence == border.sequence:
        return Plan.CURRENT
    return Plan.CATCH_UP if claim.sequence < border.sequence else Plan.AHEAD
