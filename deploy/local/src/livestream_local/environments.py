"""Python environments beside .venv: programs that only some commands need, each set up from a lock file of its own."""

import hashlib
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Final

from livestream_local.file_lock import held
from livestream_local.paths import CACHE
from livestream_local.servers.tool import run_tool

UV: Final = CACHE.parent / "uv/bin/uv"
_TIMEOUT_S: Final = 600


def locked_environment(lock: Path, folder: Path) -> Path:
    """Its folder of programs, set up where it is missing or its lock file has changed. Raises LauncherError."""
    programs, stamp = folder / "bin", folder / "livestream-inputs"
    wanted = hashlib.sha256(platform.python_version().encode() + lock.read_bytes()).hexdigest()
    with held(folder.with_name(f"{folder.name}.lock")):
        if not (stamp.exists() and stamp.read_text() == wanted):
            run = partial(run_tool, f"making {folder.name}'s environment", timeout_s=_TIMEOUT_S)
            run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
            # Wheels only: a build from source needs compilers, and may take longer than what it is for.
            strictly = ("--require-hashes", "--only-binary", ":all:")
            python = programs / "python"
            run([UV, "pip", "sync", "--quiet", *strictly, "--compile-bytecode", "--python", python, lock])
            stamp.write_text(wanted)
    return programs
