"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from livestream_local.paths import DEFAULT_DATA
from livestream_local.ports import DEFAULT_BASE

# What posts to ingest takes its key from there, so that it need not stand in a command line that others can see.
API_KEY_VARIABLE = "LIVESTREAM_API_KEY"

_DATA = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA,
    show_default=".live/data",
    help="The folder that keeps the embedded servers' data, logs and the description of the running stack.",
)


def starts_stack(function: Callable[..., Any]) -> Callable[..., Any]:
    """For commands that start a stack: `port_base: int` and `data: Path`."""
    port_base = click.option(
        "--port-base",
        type=int,
        default=DEFAULT_BASE,
        show_default=True,
        metavar="N",
        help="Web listens on N, ingest on N+1, the gateway on N+2, the others on N+3 to N+8, more of one from N+10.",
    )
    return port_base(_DATA(function))


def finds_stack(function: Callable[..., Any]) -> Callable[..., Any]:
    """For commands that speak to a running stack: `port_base: int | None` and `data: Path`, for `find_stack`."""
    port_base = click.option(
        "--port-base",
        type=int,
        metavar="N",
        help="The running stack's; without it, the stack is found by its data alone.",
    )
    return port_base(_DATA(function))
