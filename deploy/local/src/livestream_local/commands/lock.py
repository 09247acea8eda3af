"""`./live lock`: writes the lock files anew from what pyproject.toml and the servers' modules ask for."""

import subprocess
from pathlib import Path

import click

from livestream_local import maven
from livestream_local.environments import UV
from livestream_local.licences import write_licences
from livestream_local.lockfile import MEMBER_DISTRIBUTIONS, stamp_requirements_lock
from livestream_local.paths import CACHE, ROOT
from livestream_local.servers import kafka, postgres

OLDEST_PYTHON = "3.11"
# What is made of them is a lock file beside each.
INPUTS = ("deploy/local/bootstrap.in", "deploy/local/tools.in", "bench/peers/*/requirements.in")
IMAGE = ROOT / "deploy/containers"


@click.command()
@click.option("--upgrade", is_flag=True, help="Take the newest versions that are allowed, instead of those locked now.")
def command(*, upgrade: bool) -> None:
    """Write the lock files anew (for developers)."""
    compile_lock: list[str | Path] = [
        UV,
        *("pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-annotate", "--no-header"),
        *("--no-emit-index-url", "--no-emit-find-links", "--python-version", OLDEST_PYTHON),
        *(["--upgrade"] if upgrade else []),
    ]
    members = [part for name in MEMBER_DISTRIBUTIONS for part in ("--no-emit-package", name)]
    requirements = ROOT / "requirements.lock"
    _run([*compile_lock, *members, "pyproject.toml", "--group", "dev", "-o", requirements])
    stamp_requirements_lock(requirements)
    for asked in sorted(path for pattern in INPUTS for path in ROOT.glob(pattern)):
        _run([*compile_lock, asked.relative_to(ROOT), "-o", asked.with_suffix(".lock")])
    # What the image holds is what was tested.
    as_tested = ("--constraint", requirements)
    services = [f"{folder}/pyproject.toml" for folder in MEMBER_DISTRIBUTIONS.values() if folder != "deploy/local"]
    _run([*compile_lock, *members, *as_tested, *services, "-o", IMAGE / "requirements.lock"])
    _run([*compile_lock, *as_tested, IMAGE / "build.in", "-o", IMAGE / "build.lock"])
    stamp_requirements_lock(IMAGE / "requirements.lock")
    write_licences()
    _lock_maven(Path(str(kafka.LOCK)), kafka.ARTIFACTS, "Kafka's class path, in order", transitive=True)
    _lock_maven(Path(str(postgres.LOCK)), postgres.ARTIFACTS, "Postgres for each platform", transitive=False)


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def _lock_maven(lock: Path, artifacts: tuple[str, ...], comment: str, *, transitive: bool) -> None:
    locked = maven.lock_artifacts(artifacts, CACHE / "maven", transitive=transitive)
    lock.write_text(maven.format_lock(f"{comment}: coordinates and SHA-256. `./live lock` writes it.", locked))
