"""`./live rebuild`: folds the log anew beside the live model, then switches."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from livestream_local.errors import LauncherError
from livestream_local.options import finds_stack
from livestream_local.stack import Stack, find_stack


class Told(msgspec.Struct, frozen=True):
    """A line of the rebuild's own: how many records it has folded, of how many."""

    records: int
    of: int


@click.command()
@finds_stack
def command(port_base: int | None, data: Path) -> None:
    """Fold the log anew beside the live read model, then switch to the new one.

    Pages say that a rebuild is under way and go on; no count runs backwards. Stopped or killed, nothing has changed: it
    is simply begun again.
    """
    console = Console(highlight=False)
    status = _rebuild(find_stack(port_base, data), console)
    if status:
        raise LauncherError("the rebuild did not come to its end; the read model is as it was")
    console.print("The read model is folded anew.", style="green")


def _rebuild(stack: Stack, console: Console) -> int:
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "DATABASE_URL": stack.database_url,
        "REDIS_URL": stack.redis_url,
        "LOG_LEVEL": "warning",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "livestream_projector.rebuild"], env=environment, stdout=subprocess.PIPE
    ) as process:
        try:
            _show(process, console)
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            return process.wait() or 1


def _show(process: "subprocess.Popen[bytes]", console: Console) -> None:
    assert process.stdout is not None
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("folding", total=None)
        for line in process.stdout:
            told = msgspec.json.decode(line, type=Told)
            progress.update(task, completed=told.records, total=told.of or None)
