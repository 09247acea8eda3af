"""`./live up`: everything in the foreground."""

from pathlib import Path

import click

from livestream_local.options import starts_stack
from livestream_local.run_stack import run_stack


@click.command()
@starts_stack
def command(port_base: int, data: Path) -> None:
    """Start everything, in the foreground. Ctrl-C stops it; the data stays."""
    run_stack(port_base, data)
