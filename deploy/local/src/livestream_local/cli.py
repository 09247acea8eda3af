"""The command line: one module a command in `livestream_local.commands`, each with a click command named `command`.

A module is found by its file name (`dead_letters.py` is `./live dead-letters`) and imported only when its command runs,
so that no command waits for what another one needs.
"""

import importlib
import logging
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from livestream_local import commands
from livestream_local.errors import LauncherError


class CommandModules(click.Group):
    """Lists the modules of `livestream_local.commands`, and loads the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.command(cls=CommandModules, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """A live dashboard of chat, from Kafka to pages that move."""


@contextmanager
def reporting_errors() -> Iterator[None]:
    """Ends the process with status 1 and a plain message where something failed that a person can act on."""
    try:
        yield
    except LauncherError as error:
        click.echo(f"live: {error}", err=True)
        sys.exit(1)


def main() -> None:
    # It would complain of servers that are still starting; our own report says what matters.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with reporting_errors():
        cli(prog_name="./live")
