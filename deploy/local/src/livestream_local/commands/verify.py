"""`./live verify`: the independent witness."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from livestream_auditor.verify.findings import CouldNotRunError, Findings
from livestream_auditor.verify.verification import verify
from livestream_local.errors import LauncherError
from livestream_local.options import finds_stack
from livestream_local.stack import find_stack
from livestream_local.verification_report import print_findings, print_log

DIFFERENT_STATUS = 1
COULD_NOT_RUN_STATUS = 2


@click.command()
@finds_stack
def command(port_base: int | None, data: Path) -> None:
    """Count the log itself, and compare with Postgres, Redis and a live stream.

    Works while messages come in. Exits with status 0 if all are equal, 1 if anything differs (each difference is
    named), and 2 if something could not be read.
    """
    console, findings, started = Console(highlight=False), Findings(), time.monotonic()
    try:
        with _progress(console) as on_progress:
            stack = find_stack(port_base, data)
            facts = asyncio.run(verify(stack.addresses, findings, on_progress))
    except (CouldNotRunError, LauncherError) as error:
        if not findings.equal:
            print_findings(console, findings)
        click.echo(f"live: could not verify: {error}", err=True)
        sys.exit(COULD_NOT_RUN_STATUS)
    print_findings(console, findings)
    print_log(console, facts)
    verdict = "Everything is equal" if findings.equal else "There are differences"
    console.print(f"{verdict}. ({time.monotonic() - started:.1f} s)", style="green" if findings.equal else "red")
    sys.exit(0 if findings.equal else DIFFERENT_STATUS)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    if not console.is_terminal:
        yield lambda _read, _all: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("reading the log", total=None)
        yield lambda read, all_: progress.update(task, completed=read, total=all_)
