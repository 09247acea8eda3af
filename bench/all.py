"""Every benchmark that has goals, recorded one after the other; then one table of what was measured and is aimed at.

`./live bench all` wants a machine to itself for some hours; each part can also be run by itself.
"""

import subprocess
import sys
from typing import Final

import click

from bench.support.docs import goals_table

WITH_GOALS: Final = ("fanout", "crowds", "projector", "ingest", "latency", "reads", "pages")


@click.command()
def main() -> None:
    """Record all benchmarks that have goals, and show the table of them."""
    failed = [name for name in WITH_GOALS if not _recorded(name)]
    click.echo(goals_table())
    if failed:
        raise click.ClickException(f"without a new record: {', '.join(failed)}")


def _recorded(name: str) -> bool:
    click.echo(f"── {name}")
    return subprocess.run([sys.executable, "-m", f"bench.{name}", "--record"], check=False).returncode == 0


if __name__ == "__main__":
    main()
