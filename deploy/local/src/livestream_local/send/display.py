"""How far a transfer is: a bar on a terminal, a line now and then elsewhere. All of it goes to standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from livestream_local.send.sender import Tally

_LINE_EVERY_SECONDS: Final = 5.0
_BAR_COLUMNS: Final = 16  # with all beside it within 80


class Display(Protocol):
    def update(self, tally: Tally, fraction: float | None) -> None:
        """`fraction` of the source that was read, where it is known."""

    def notice(self, text: str) -> None:
        """Something that a person should know of while it goes on."""


@contextmanager
def open_display(console: Console, source: str) -> Iterator[Display]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=_BAR_COLUMNS),
        TextColumn("{task.fields[sent]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, source)


def describe_tally(tally: Tally, elapsed_s: float) -> str:
    """`1,200 accepted, 3 refused, 2,000/s`."""
    refused = f", {tally.refused:,} refused" if tally.refused else ""
    return f"{tally.accepted:,} accepted{refused}, {tally.accepted / max(elapsed_s, 1e-3):,.0f}/s"


class _Bar:
    def __init__(self, progress: Progress, source: str) -> None:
        self._progress = progress
        self._task = progress.add_task(Path(source).name, total=None, sent="")
        self._started = time.monotonic()

    def update(self, tally: Tally, fraction: float | None) -> None:
        sent = describe_tally(tally, time.monotonic() - self._started)
        total = None if fraction is None else 1.0
        self._progress.update(self._task, completed=fraction or 0.0, total=total, sent=sent)

    def notice(self, text: str) -> None:
        self._progress.console.print(text, style="yellow", highlight=False, markup=False)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = self._printed = time.monotonic()

    def update(self, tally: Tally, fraction: float | None) -> None:
        now = time.monotonic()
        if now - self._printed < _LINE_EVERY_SECONDS:
            return
        self._printed = now
        share = "" if fraction is None else f"{fraction:4.0%}  "
        self.notice(f"{share}{describe_tally(tally, now - self._started)}")

    def notice(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
