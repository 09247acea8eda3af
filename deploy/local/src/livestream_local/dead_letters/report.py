"""What a person reads: the list as a table, and what became of each letter."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from livestream.events import Rejected
from livestream.letters import Letter, names_in
from livestream.times import format_ms
from livestream_local.dead_letters.planning import Left, Planned
from livestream_local.dead_letters.replay import Replayed
from livestream_local.dead_letters.shown import beginning, visible
from livestream_local.dead_letters.topic import Entry

# About two lines of a cell: enough to recognise a record, while a table of fifty can still be read.
_VALUE_CHARACTERS: Final = 120


class LetterTable:
    """Letters, a row each: where and when, why, and what."""

    def __init__(self) -> None:
        self._table = Table(show_lines=True)
        self._table.add_column("record", no_wrap=True)
        self._table.add_column("why", overflow="fold")
        self._table.add_column("what", overflow="fold")

    def add(self, letter: Letter) -> None:
        names = names_in(letter)
        spoken_of = [
            f"{what} {visible(name)}" for what, name in (("channel", names.channel), ("user", names.user)) if name
        ]
        size = f" ({letter.cut_from_bytes:,} bytes)" if letter.cut_from_bytes else ""
        self._table.add_row(
            Text(f"{letter.coordinates}\n{format_ms(letter.append_ms)}"),
            Text(f"{letter.rejected.reason}\n{_explanation(letter.rejected)}"),
            Text("\n".join((", ".join(spoken_of) or "no names", beginning(letter.value, _VALUE_CHARACTERS) + size))),
        )

    def print(self, console: Console) -> None:
        console.print(self._table)


def describe_counts(entries: Sequence[Entry]) -> str:
    """`3 dead letters: 2 wrong-partition, 1 bad-json`."""
    if not entries:
        return "no dead letters"
    counts = Counter(entry.reason for entry in entries).most_common()
    number = "1 dead letter" if len(entries) == 1 else f"{len(entries):,} dead letters"
    return f"{number}: {', '.join(f'{count:,} {visible(reason)}' for reason, count in counts)}"


def describe_outcome(outcome: Replayed | Planned | Left) -> str:
    """One line."""
    record = f"{outcome.letter.coordinates} ({visible(outcome.letter.rejected.reason)})"
    match outcome:
        case Replayed(_, place, offset):
            return f"{record}: replayed, to {place.topic}/{place.partition}/{offset}"
        case Planned(_, place):
            return f"{record}: would go to {place.topic}/{place.partition}"
        case Left(_, why):
            return f"{record}: left: {visible(why.reason)}: {_explanation(why)}"


def _explanation(rejected: Rejected) -> str:
    field = f"{rejected.field}: " if rejected.field else ""
    return visible(f"{field}{rejected.detail}")
