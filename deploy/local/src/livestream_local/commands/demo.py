"""`./live demo`: everything, with chat to look at."""

from pathlib import Path

import click

from livestream_local.generated_chat import GeneratedChat
from livestream_local.options import starts_stack
from livestream_local.ports import Ports
from livestream_local.run_stack import run_stack


@click.command()
@starts_stack
def command(port_base: int, data: Path) -> None:
    """Start everything and play generated chat. Ctrl-C stops it; the data stays."""
    ingest_url = f"http://127.0.0.1:{Ports.from_base(port_base).ingest}"
    run_stack(port_base, data, extras=[GeneratedChat(ingest_url)])
