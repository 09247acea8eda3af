"""`./live bench`: runs one of bench/, a file a benchmark."""

import os
import sys

import click

from livestream_local.errors import LauncherError
from livestream_local.paths import ROOT

BENCH = ROOT / "bench"


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run benchmark NAME, or list them. What follows the name goes to the benchmark."""
    names = sorted(path.stem for path in BENCH.glob("*.py"))
    if name is None:
        click.echo("\n".join(["Benchmarks, each run by ./live bench NAME:", *(f"  {each}" for each in names)]))
        return
    if name not in names:
        raise LauncherError(f"no benchmark {name!r}; there is: {', '.join(names) or 'none yet'}")
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", f"bench.{name}", *arguments])  # noqa: S606
