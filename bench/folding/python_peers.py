"""Programs of other frameworks for the same: each in bench/peers/, with a locked environment of its own."""

import hashlib
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from livestream_local.commands.lock import UV
from livestream_local.paths import CACHE, ROOT

_PEERS: Final = ROOT / "bench/peers"
_ENVIRONMENTS: Final = CACHE / "peers"
_INSTALL_TIMEOUT_S: Final = 600
_TOLD_CHARACTERS: Final = 500


class NotInstalledError(Exception):
    """A peer cannot take part here; the message says why."""


def program_of(peer: str) -> Path:
    return _PEERS / peer / "program.py"


def install(peer: str) -> Path:
    """The peer's own Python, set up where it is missing or its lock file has changed. Raises NotInstalledError."""
    lock, environment = _PEERS / peer / "requirements.lock", _ENVIRONMENTS / f"{peer}-python"
    python, stamp = environment / "bin/python", environment / "livestream-inputs"
    wanted = hashlib.sha256(platform.python_version().encode() + lock.read_bytes()).hexdigest()
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        _run(peer, [UV, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
        # Wheels only: a build from source needs compilers, and may take longer than the benchmark.
        strictly = ("--require-hashes", "--only-binary", ":all:")
        _run(peer, [UV, "pip", "sync", "--quiet", *strictly, "--compile-bytecode", "--python", python, lock])
        stamp.write_text(wanted)
    return python


def version(peer: str) -> str:
    """As it is locked."""
    lock = (_PEERS / peer / "requirements.lock").read_text()
    (found,) = (line for line in lock.splitlines() if line.startswith((f"{peer}==", f"{peer}[")))
    return found.partition("==")[2].split()[0]


def _run(peer: str, command: list[str | Path]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False)
    if finished.returncode != 0:
        raise NotInstalledError(f"{peer}: {finished.stderr.strip()[-_TOLD_CHARACTERS:]}")
