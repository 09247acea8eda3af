"""`./live dashboards`: writes the files that Grafana reads."""

import click

from livestream_local.dashboards import write_all
from livestream_local.paths import ROOT


@click.command()
def command() -> None:
    """Write Grafana's dashboards anew from their code (for developers)."""
    for path in write_all():
        click.echo(path.relative_to(ROOT))
