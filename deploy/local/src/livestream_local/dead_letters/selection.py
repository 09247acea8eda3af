"""Which of the standing letters are meant."""

from collections.abc import Collection, Sequence
from typing import Final

from livestream.fold import Coordinates
from livestream_local.dead_letters.topic import Entry
from livestream_local.errors import LauncherError

_UNKNOWN_MESSAGE: Final = "unknown-message"


def select(entries: Sequence[Entry], reasons: Collection[str], records: Collection[Coordinates]) -> list[Entry]:
    """Those with one of `reasons`, and of `records`; no reasons or records mean any.

    Raises LauncherError for a record that has no standing letter.
    """
    wanted, standing = frozenset(records), {entry.coordinates for entry in entries}
    if missing := [str(record) for record in records if record not in standing]:
        raise LauncherError(f"no dead letter stands for {', '.join(missing)}; see ./live dead-letters list")
    return [
        entry
        for entry in entries
        if (not reasons or entry.reason in reasons) and (not wanted or entry.coordinates in wanted)
    ]


def edits_last(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """In two parts: what an edit could not find may be a dead letter itself, and has to be on the log before it."""
    return (
        [entry for entry in entries if entry.reason != _UNKNOWN_MESSAGE],
        [entry for entry in entries if entry.reason == _UNKNOWN_MESSAGE],
    )
