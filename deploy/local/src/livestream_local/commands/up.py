"""`./live up`: everything in the foreground."""

from functools import partial
from pathlib import Path

import click

from livestream_local.options import starts_stack
from livestream_local.plan import Scale, plan_services
from livestream_local.run_stack import run_stack

_PROCESSES = click.IntRange(1, 32)


@click.command()
@starts_stack
@click.option("--projectors", type=_PROCESSES, default=1, show_default=True, help="They share the partitions.")
@click.option("--ingests", type=_PROCESSES, default=1, show_default=True, help="They share one port.")
@click.option("--gateways", type=_PROCESSES, default=1, show_default=True, help="They share one port.")
@click.option("--webs", type=_PROCESSES, default=1, show_default=True, help="They share one port.")
def command(*, port_base: int, data: Path, projectors: int, ingests: int, gateways: int, webs: int) -> None:
    """Start everything, in the foreground. Ctrl-C stops it; the data stays."""
    scale = Scale(projectors, ingests, gateways, webs)
    run_stack(port_base, data, services=partial(plan_services, scale=scale))
