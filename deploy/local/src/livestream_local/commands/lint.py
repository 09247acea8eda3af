"""`./live lint`: everything that is checked without running the product."""

import subprocess
import sys
from pathlib import Path

import click

from livestream_local.linting import lock_problem, registry_problem
from livestream_local.paths import ROOT

BIN = Path(sys.executable).parent
LINTERS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "ruff": ["ruff", "check", "."],
    "mypy": ["mypy"],
    "imports": ["lint-imports"],
}
OWN_CHECKS = {"locks": lock_problem, "registries": registry_problem}


@click.command()
def command() -> None:
    """Run every linter, and say at the end which of them complained."""
    failed = []
    for name, (program, *arguments) in LINTERS.items():
        click.secho(f"── {name}", bold=True)
        if subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
    for name, find_problem in OWN_CHECKS.items():
        click.secho(f"── {name}", bold=True)
        problem = find_problem()
        click.echo(problem or "fine")
        if problem is not None:
            failed.append(name)
    if failed:
        click.secho(f"lint: failed: {', '.join(failed)}", fg="red", err=True)
        sys.exit(1)
    click.secho("lint: all fine", fg="green")
