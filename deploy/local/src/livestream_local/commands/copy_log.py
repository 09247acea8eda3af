"""`./live copy-log`: the log to topics with more partitions."""

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from livestream_local.log_copy import Copied, copy_log
from livestream_local.options import finds_stack
from livestream_local.stack import find_stack


@click.command()
@click.option("--to", "target", required=True, metavar="HOST:PORT", help="The other Kafka.")
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    default=12,
    show_default=True,
    help="Of messages.v1, where the topics have to be made there.",
)
@click.option("--from", "source", metavar="HOST:PORT", help="The Kafka to copy from; without it, the running stack's.")
@finds_stack
def command(target: str, partitions: int, source: str | None, port_base: int | None, data: Path) -> None:
    """Copy the log to another Kafka, whose topics may have more partitions.

    Nothing may be appended meanwhile. Records keep their append times, and those of a channel their order.
    """
    console = Console(highlight=False)
    copied = _copy(source or find_stack(port_base, data).kafka_bootstrap_servers, target, partitions, console)
    console.print(f"{copied.records:,} records are at {target}.", style="green")
    if copied.left_out:
        console.print(f"{copied.left_out:,} were left out: they were never folded, and are dead letters here.")


def _copy(source: str, target: str, partitions: int, console: Console) -> Copied:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("copying", total=None)
        return asyncio.run(
            copy_log(source, target, partitions, lambda done, of: progress.update(task, completed=done, total=of))
        )
