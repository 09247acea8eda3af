"""Programs that only lint and some tests need, each brought when it is asked for the first time."""

import hashlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from livestream_local.environments import locked_environment
from livestream_local.errors import LauncherError
from livestream_local.file_lock import held
from livestream_local.paths import CACHE, ROOT
from livestream_local.servers.data_directory import create_once
from livestream_local.servers.tool import run_tool

_LOCK: Final = ROOT / "deploy/local/tools.lock"
# No registry of Python packages has these. A package is unpacked, not installed: it would start a service.
_DEBIAN_PACKAGES: Final = {"promtool": "prometheus", "prometheus": "prometheus"}
# Nor these: a package of Go, and the module whose go.sum locks it.
_GO_PACKAGES: Final = {"kustomize": ("sigs.k8s.io/kustomize/kustomize/v5", ROOT / "deploy/kubernetes/tools")}
# Nor these: the folder whose package-lock.json locks the packages of npm that have them.
_NODE_PACKAGES: Final = {"tsc": ROOT / "deploy/kubernetes/schemas"}
_TIMEOUT_S: Final = 600


def tool(name: str) -> Path:
    """Raises LauncherError where it cannot be had here."""
    if name in _DEBIAN_PACKAGES:
        return _debian_program(name, _DEBIAN_PACKAGES[name])
    if name in _GO_PACKAGES:
        return _go_program(name, *_GO_PACKAGES[name])
    if name in _NODE_PACKAGES:
        return _node_packages(_NODE_PACKAGES[name]) / ".bin" / name
    return locked_environment(_LOCK, CACHE / "tools") / name


def _go_program(name: str, package: str, module: Path) -> Path:
    """Built where it is missing, or its module has changed."""
    _require("go", "Go")
    program = CACHE / "go" / f"{name}-{_digest(module / 'go.mod', module / 'go.sum')}"
    with held(program.with_suffix(".lock")):
        if not program.exists():
            build: list[str | Path] = ["go", "build", "-mod=readonly", "-trimpath", "-o", program, package]
            run_tool(f"building {name}", build, folder=module, timeout_s=_TIMEOUT_S)
    return program


def _node_packages(locked: Path) -> Path:
    """The folder node_modules, made anew where its lock file has changed."""
    _require("npm", "Node.js with npm")
    inputs = [locked / name for name in ("package.json", "package-lock.json")]
    folder = CACHE / "npm" / _digest(*inputs)
    with held(folder.with_suffix(".lock")):
        create_once(folder, lambda new: _install(inputs, new))
    return folder / "node_modules"


def _install(inputs: list[Path], folder: Path) -> None:
    for path in inputs:
        shutil.copy(path, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    run_tool("installing packages of npm", command, folder=folder, timeout_s=_TIMEOUT_S)


def _require(program: str, name: str) -> None:
    if shutil.which(program) is None:
        raise LauncherError(f"install {name}")


def _digest(*inputs: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:12]


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
