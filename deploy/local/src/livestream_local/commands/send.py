"""`./live send`: NDJSON to ingest."""

import asyncio
import math
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from livestream_local.errors import LauncherError
from livestream_local.options import API_KEY_VARIABLE, finds_stack
from livestream_local.send.display import describe_tally, open_display
from livestream_local.send.interruption import InterruptedTransferError
from livestream_local.send.pacing import Pacing, at_own_speed, at_rate, unpaced
from livestream_local.send.sender import Tally
from livestream_local.send.source import STANDARD_INPUT, Source, open_source
from livestream_local.send.transfer import transfer
from livestream_local.stack import find_stack

INTERRUPTED_STATUS = 130  # what a shell says of a program that Ctrl-C ended


class _Pace(click.FloatRange):
    """A positive number; `nan` passes every comparison that a range makes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of messages.", param, ctx)
        return number


_POSITIVE = _Pace(min=0, min_open=True)


@click.command()
@click.argument("file", default=STANDARD_INPUT, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--rate", type=_POSITIVE, metavar="R", help="Send R messages a second.")
@click.option("--speed", type=_POSITIVE, metavar="X", help="Send at X times the speed of the messages' own times.")
@click.option("--to", "url", metavar="URL", help="Ingest's address; without it, the running stack's.")
@click.option("--key", envvar=API_KEY_VARIABLE, help=f"An API key, if ingest asks for one; also as {API_KEY_VARIABLE}.")
@finds_stack
def command(
    file: str,
    rate: float | None,
    speed: float | None,
    url: str | None,
    key: str | None,
    port_base: int | None,
    data: Path,
) -> None:
    """Send NDJSON to ingest, from FILE (also gzipped) or standard input.

    As fast as ingest takes it, unless --rate or --speed is given. Exits with status 1 if anything was refused.
    """
    if rate is not None and speed is not None:
        raise click.UsageError("--rate and --speed exclude each other.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.UsageError(f"--to must be a URL that begins with http:// or https://, but is {url}.")
    if file == STANDARD_INPUT and sys.stdin.isatty():
        raise click.UsageError("Name a FILE, or pipe NDJSON in.")
    with open_source(file) as source:
        sys.exit(_send(source, _pacing(rate, speed), url or find_stack(port_base, data).ingest_url, key))


def _pacing(rate: float | None, speed: float | None) -> Pacing:
    if rate is not None:
        return at_rate(rate)
    return unpaced if speed is None else at_own_speed(speed)


def _send(source: Source, pacing: Pacing, url: str, key: str | None) -> int:
    console = Console(stderr=True, highlight=False)
    tally, started = Tally(), time.monotonic()
    status = 0
    try:
        with open_display(console, source.name) as display:
            asyncio.run(transfer(source, pacing, url, key, display, tally))
    except InterruptedTransferError:
        _tell(console, f"interrupted: every line up to {tally.last_line} was answered; to go on, send those behind it")
        status = INTERRUPTED_STATUS
    except LauncherError as error:
        _tell(console, f"stopped behind line {tally.last_line}: {error}")
        status = 1
    for refusal in tally.errors:
        _tell(console, f"refused: {refusal}")
    if tally.refused > len(tally.errors):
        _tell(console, f"refused: {tally.refused - len(tally.errors):,} more")
    elapsed_s = time.monotonic() - started
    _tell(console, f"{describe_tally(tally, elapsed_s)}, in {elapsed_s:.1f} s")
    return status or int(tally.refused > 0)


def _tell(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
