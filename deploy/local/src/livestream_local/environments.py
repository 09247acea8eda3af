"""Python environments beside .venv: programs that only some commands need, each set up from a lock file of its own."""

import hashlib
import platform
import subprocess
import sys
from pathlib import Path
from typing import Final

from livestream_local.errors import LauncherError
from livestream_local.file_lock import held
from livestream_local.paths import CACHE

UV: Final = CACHE.parent / "uv/bin/uv"
_TIMEOUT_S: Final = 600
_TOLD_CHARACTERS: Final = 500


def locked_environment(lock: Path, folder: Path) -> Path:
    """Its folder of programs, set up where it is missing or its lock file has changed. Raises LauncherError."""
    programs, stamp = folder / "bin", folder / "livestream-inputs"
    wanted = hashlib.sha256(platform.python_version().encode() + lock.read_bytes()).hexdigest()
    with held(folder.with_name(f"{folder.name}.lock")):
        if not (stamp.exists() and stamp.read_text() == wanted):
            _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
            # Wheels only: a build from source needs compilers, and may take longer than what it is for.
            strictly = ("--require-hashes", "--only-binary", ":all:")
            python = programs / "python"
            _run([UV, "pip", "sync", "--quiet", *strictly, "--compile-bytecode", "--python", python, lock])
            stamp.write_text(wanted)
    return programs


def _run(command: list[str | Path]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if finished.returncode != 0:
        raise LauncherError(finished.stderr.strip()[-_TOLD_CHARACTERS:])
