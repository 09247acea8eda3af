"""Brings .venv up to date with the lock files, with the standard library only.

Does nothing when no lock file, pyproject.toml or Python changed since the last time. Otherwise pip installs uv, its
hash checked, into an environment of its own; uv makes .venv what requirements.lock says, and adds our packages.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".live"
VENV = ROOT / ".venv"
VENV_STAMP = VENV / "livestream-inputs"
UV_VENV = CACHE / "uv"
UV_STAMP = UV_VENV / "livestream-inputs"
UV_LOCK = ROOT / "deploy/local/bootstrap.lock"
REQUIREMENTS_LOCK = ROOT / "requirements.lock"
MEMBERS = (
    "shared",
    "services/auditor",
    "services/ingest",
    "services/projector",
    "services/stream-gateway",
    "services/web",
    "deploy/local",
)


class SetupError(Exception):
    """The environment could not be set up; the message says what to do."""


def fingerprint(*paths: Path) -> str:
    """What an environment was built from: this script, this Python, this folder and the contents of `paths`."""
    digest = hashlib.sha256(f"{platform.python_version()} {os.path.realpath(sys.base_prefix)} {ROOT}".encode())
    for path in (Path(__file__), *paths):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    return (stamp.parent / "bin/python").exists() and stamp.exists() and stamp.read_text() == wanted


def run(step: str, command: Sequence[str | Path]) -> None:
    print(f"live: {step}", file=sys.stderr, flush=True)
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, cwd=ROOT, check=False)
    if finished.returncode != 0:
        raise SetupError(f"failed: {step} (exit status {finished.returncode}; its output is above)")


def install_uv() -> Path:
    uv = UV_VENV / "bin/uv"
    wanted = fingerprint(UV_LOCK)
    if is_current(UV_STAMP, wanted):
        return uv
    if importlib.util.find_spec("ensurepip") is None:
        version = ".".join(platform.python_version_tuple()[:2])
        raise SetupError(
            f"{sys.executable} has no venv module; install it (Debian, Ubuntu: apt install python{version}-venv)"
        )
    shutil.rmtree(UV_VENV, ignore_errors=True)
    run("setting up the installer", [sys.executable, "-m", "venv", UV_VENV])
    pip = [UV_VENV / "bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    run("installing uv", [*pip, "--require-hashes", "--only-binary=:all:", "--no-deps", "-r", UV_LOCK])
    UV_STAMP.write_text(wanted)
    return uv


def install_dependencies(uv: Path, wanted: str) -> None:
    if is_current(VENV_STAMP, wanted):
        return
    VENV_STAMP.unlink(missing_ok=True)
    into = ["--python", VENV / "bin/python"]
    # uv's progress bars help whoever waits at a terminal; its list of a hundred packages helps nobody in a log.
    verbosity = [] if sys.stderr.isatty() else ["--quiet"]
    run("creating .venv", [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, VENV])
    run(
        "installing dependencies (about 150 MB the first time)",
        [uv, "pip", "sync", *verbosity, "--require-hashes", "--compile-bytecode", *into, REQUIREMENTS_LOCK],
    )
    members = [part for member in MEMBERS for part in ("-e", member)]
    run(
        "installing the workspace",
        [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation", *into, *members],
    )
    VENV_STAMP.write_text(wanted)


def main() -> int:
    wanted = fingerprint(REQUIREMENTS_LOCK, UV_LOCK, *(ROOT / member / "pyproject.toml" for member in MEMBERS))
    if is_current(VENV_STAMP, wanted):
        return 0
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # A demo and a test run may be the first commands together.
        try:
            install_dependencies(install_uv(), wanted)
        except SetupError as error:
            print(f"live: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
