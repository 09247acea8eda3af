"""Under which licences the packages are that the image holds: listed in docs/licences.md, and allowed here."""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from livestream_local.environments import locked_environment
from livestream_local.errors import LauncherError
from livestream_local.on_demand import tool
from livestream_local.paths import CACHE, ROOT

DOCUMENT: Final = ROOT / "docs/licences.md"
_LOCK: Final = ROOT / "deploy/containers/requirements.lock"
_HEADER: Final = "| package | version | licence |\n| --- | --- | --- |\n"
# SPDX identifiers. What is under these may be part of a work under Apache-2.0, in source or as it is.
_ALLOWED: Final = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "PSF-2.0"}
# Copyleft that ends at the package's own files or library; docs/licences.md says how we keep to it.
_ALLOWED_FOR: Final = {
    "certifi": {"MPL-2.0"},
    "orjson": {"MPL-2.0"},
    "psycopg": {"LGPL-3.0-only"},
    "psycopg-binary": {"LGPL-3.0-only"},
}
# What packages state that do not use SPDX's words yet.
_SPDX: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Apache Software License; MIT License": "Apache-2.0 OR MIT",
    "BSD License": "BSD-3-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


class Package(msgspec.Struct, frozen=True, rename="pascal"):
    """As pip-licenses tells of it."""

    name: str
    version: str
    license: str

    @property
    def licence(self) -> str:
        """An SPDX expression, where its metadata state something that we know."""
        return _SPDX.get(self.license, self.license)


def licence_problem() -> str | None:
    """What is wrong, or None. Raises LauncherError where the packages cannot be had here."""
    packages = image_packages()
    if refused := list(not_allowed(packages)):
        return f"of a licence that nobody has looked at (see {DOCUMENT.relative_to(ROOT)}): {', '.join(refused)}"
    text = DOCUMENT.read_text(encoding="utf-8")
    if text != with_table(text, packages):
        return f"{DOCUMENT.relative_to(ROOT)} does not list what the image holds; run ./live lock"
    return None


def write_licences() -> None:
    """Writes the table in docs/licences.md anew; what stands above it stays. Raises LauncherError."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(with_table(text, image_packages()), encoding="utf-8")


def image_packages() -> list[Package]:
    """What the lock file of the image has for this system, by name. Raises LauncherError."""
    python = locked_environment(_LOCK, CACHE / "image-packages") / "python"
    command: list[str | Path] = [tool("pip-licenses"), "--python", python, "--format", "json"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        raise LauncherError(f"pip-licenses failed:\n{done.stderr.decode()}")
    return sorted(msgspec.json.decode(done.stdout, type=list[Package]), key=lambda package: package.name.lower())


def not_allowed(packages: Iterable[Package]) -> Iterable[str]:
    """Each that has a licence, even as one of several to choose from, that is not allowed."""
    for package in packages:
        named = set(re.split(r" (?:AND|OR) |[()]", package.licence)) - {""}
        if not named <= _ALLOWED | _ALLOWED_FOR.get(package.name, set()):
            yield f"{package.name} ({package.licence})"


def with_table(text: str, packages: Sequence[Package]) -> str:
    """`text` with the table at its end made of `packages`."""
    prose = text.partition(_HEADER)[0]
    rows = (f"| {package.name} | {package.version} | {package.licence} |\n" for package in packages)
    return f"{prose}{_HEADER}{''.join(rows)}"
