"""Known vulnerabilities of what the lock files name, as far as a registry can be asked for them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from livestream_local.on_demand import tool
from livestream_local.paths import ROOT

# What is served, then what serves to build, test and check it.
_LOCKS: Final = (
    "deploy/containers/requirements.lock",
    "deploy/containers/build.lock",
    "requirements.lock",
    "deploy/local/bootstrap.lock",
    "deploy/local/tools.lock",
)
_TIMEOUT_S: Final = 300


class NotAuditedError(Exception):
    """Nobody could be asked, which says nothing about the packages."""


class Vulnerability(msgspec.Struct, frozen=True):
    id: str
    fix_versions: list[str]

    def __str__(self) -> str:
        return f"{self.id}, fixed in {', '.join(self.fix_versions) or 'no version'}"


class Dependency(msgspec.Struct, frozen=True):
    """As pip-audit tells of it: `skip_reason` where it found nobody to ask."""

    name: str
    version: str = ""
    skip_reason: str | None = None
    vulns: list[Vulnerability] = []


class Report(msgspec.Struct, frozen=True):
    dependencies: list[Dependency]


def vulnerability_problem() -> str | None:
    """What is wrong, or None. Raises LauncherError without pip-audit, NotAuditedError where its data cannot be had."""
    found = [f"{lock}: {told}" for lock in _LOCKS for told in findings(_audit(ROOT / lock))]
    return "\n".join(found) or None


def findings(report: Report) -> Iterator[str]:
    """Raises NotAuditedError where nothing was found and not everything could be asked for."""
    told = [
        f"{each.name} {each.version}: {vulnerability}" for each in report.dependencies for vulnerability in each.vulns
    ]
    skipped = [each for each in report.dependencies if each.skip_reason]
    if skipped and not told:
        raise NotAuditedError(
            f"of {len(skipped)} of {len(report.dependencies)} packages the registry has nothing to say; "
            f"the first: {skipped[0].skip_reason}"
        )
    yield from told


def _audit(lock: Path) -> Report:
    # Without pip nothing is resolved or installed: it is the lock file that is asked about.
    options = ("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")
    command: list[str | Path] = [tool("pip-audit"), *options, "--requirement", lock]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise NotAuditedError(f"the registry did not answer within {_TIMEOUT_S} s") from None
    try:
        return msgspec.json.decode(done.stdout, type=Report)
    except msgspec.DecodeError:
        raise NotAuditedError(done.stderr.decode().strip().rpartition("\n")[2]) from None
