"""`./live lint`: everything that is checked without running the product."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from livestream_local.errors import LauncherError
from livestream_local.licences import licence_problem
from livestream_local.linting import dashboard_problem, lock_problem, registry_problem
from livestream_local.manifests import manifest_problem
from livestream_local.on_demand import tool
from livestream_local.paths import CACHE, ROOT
from livestream_local.vulnerabilities import NotAuditedError, vulnerability_problem

BIN = Path(sys.executable).parent
LINTERS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "."],
    "ruff": ["ruff", "check", "."],
    "mypy": ["mypy"],
    "imports": ["lint-imports"],
}
# Brought when they are needed: `livestream_local.on_demand`.
TOOLS: dict[str, list[str]] = {
    "compose": ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"],
    "image": ["hadolint", "--failure-threshold", "style", "deploy/containers/Containerfile"],
    "prometheus": ["promtool", "check", "config", "deploy/prometheus/prometheus.yml"],
    "alerts": ["promtool", "test", "rules", "deploy/prometheus/alerts_test.yml"],
    "freshness": ["promtool", "test", "rules", "deploy/prometheus/freshness_test.yml"],
    "proxy": ["caddy", "validate", "--adapter", "caddyfile", "--config", "deploy/caddy/Caddyfile"],
}
# Caddy makes its authority wherever it validates.
TOOLS_ENVIRONMENT = {"XDG_DATA_HOME": str(CACHE / "caddy"), "XDG_CONFIG_HOME": str(CACHE / "caddy")}
OWN_CHECKS = {
    "dashboards": dashboard_problem,
    "kubernetes": manifest_problem,
    "locks": lock_problem,
    "registries": registry_problem,
    "licences": licence_problem,
    "vulnerabilities": vulnerability_problem,
}


@click.command()
def command() -> None:
    """Run every linter, and say at the end which of them complained."""
    failed = [name for name, (program, *arguments) in LINTERS.items() if not _passes(name, [BIN / program, *arguments])]
    failed += [name for name, (program, *arguments) in TOOLS.items() if not _passes_tool(name, program, arguments)]
    failed += [name for name, find_problem in OWN_CHECKS.items() if not _passes_check(name, find_problem)]
    if failed:
        click.secho(f"lint: failed: {', '.join(failed)}", fg="red", err=True)
        sys.exit(1)
    click.secho("lint: all fine", fg="green")


def _passes(name: str, command: Sequence[str | Path]) -> bool:
    click.secho(f"── {name}", bold=True)
    environment = {**os.environ, **TOOLS_ENVIRONMENT}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def _passes_tool(name: str, program: str, arguments: Sequence[str]) -> bool:
    try:
        return _passes(name, [tool(program), *arguments])
    except LauncherError as error:
        return _left_out(name, f"{program} could not be installed: {error}")


def _passes_check(name: str, find_problem: Callable[[], str | None]) -> bool:
    """As a tool is left out; and in CI too where nobody can be asked, which no change of ours would mend."""
    click.secho(f"── {name}", bold=True)
    try:
        problem = find_problem()
    except NotAuditedError as error:
        _left_out(name, str(error))
        return True
    except LauncherError as error:
        return _left_out(name, str(error))
    click.echo(problem or "fine")
    return problem is None


def _left_out(name: str, why: str) -> bool:
    click.secho(f"── {name}: LEFT OUT, since {why}", fg="yellow")
    return not os.environ.get("CI")
