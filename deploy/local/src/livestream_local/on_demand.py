"""Programs that only lint and some tests need, each brought when it is asked for the first time."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from livestream_local.environments import locked_environment
from livestream_local.errors import LauncherError
from livestream_local.file_lock import held
from livestream_local.paths import CACHE, ROOT
from livestream_local.servers.tool import run_tool

_LOCK: Final = ROOT / "deploy/local/tools.lock"
# No registry of Python packages has these. A package is unpacked, not installed: it would start a service.
_DEBIAN_PACKAGES: Final = {"promtool": "prometheus"}
_TIMEOUT_S: Final = 600


def tool(name: str) -> Path:
    """Raises LauncherError where it cannot be had here."""
    package = _DEBIAN_PACKAGES.get(name)
    return _debian_program(name, package) if package else locked_environment(_LOCK, CACHE / "tools") / name


def _debian_program(name: str, package: str) -> Path:
    """The system's own where there is one."""
    if found := shutil.which(name):
        return Path(found)
    folder = CACHE / "debian" / package
    program = folder / "usr/bin" / name
    with held(folder.with_suffix(".lock")):
        if not program.exists():
            _unpack(package, folder)
    return program


def _unpack(package: str, folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise LauncherError(f"install Debian's package {package}, or what your system calls it")
    folder.mkdir(parents=True, exist_ok=True)
    run = partial(run_tool, f"fetching Debian's package {package}", folder=folder, timeout_s=_TIMEOUT_S)
    if os.geteuid() == 0:
        run(["apt-get", "update"])
    run(["apt-get", "download", package])
    (archive,) = folder.glob(f"{package}_*.deb")
    run(["dpkg-deb", "--extract", archive, folder])
    archive.unlink()
