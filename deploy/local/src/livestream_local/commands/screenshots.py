"""`./live screenshots`: pictures of every page and state, from a stack of its own."""

import os
import sys
from pathlib import Path

import click

from livestream_local.chromium import CHROMIUM_VARIABLE, ensure_chromium
from livestream_local.paths import ROOT

DEFAULT_OUT = ROOT / ".live/screenshots"


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_OUT,
    show_default=".live/screenshots",
    help="The folder that the pictures go to.",
)
@click.option(
    "--only", default="*", metavar="PATTERN", help="Pictures whose names match, such as 'home*'; by default all."
)
def command(out: Path, only: str) -> None:
    """Start a stack, fill it with generated chat, and take a picture of every page and state, light and dark, on a
    desktop and on a phone."""
    if chromium := ensure_chromium():
        os.environ[CHROMIUM_VARIABLE] = chromium
    out = out.resolve()
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.screenshots", "--out", str(out), "--only", only])  # noqa: S606
