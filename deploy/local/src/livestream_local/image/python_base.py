"""What the image is built on: the Python image that the Containerfile names, or Debian with its own Python."""

import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import click

from livestream_local.errors import LauncherError
from livestream_local.image.buildah import Buildah
from livestream_local.paths import ROOT
from livestream_local.servers.tool import run_tool

CONTAINERFILE: Final = ROOT / "deploy/containers/Containerfile"
_DEBIAN: Final = "localhost/livestream-python"
_PACKAGES: Final = "python3,python3-venv,python-is-python3"
# Licences stay. What else documents and translates nobody reads in a container.
_LEFT_OUT: Final = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
)
_TIMEOUT_S: Final = 900


def python_base(buildah: Buildah, work: Path) -> str:
    """The name of an image in `buildah`'s store. `work` is a folder for what comes in between. Raises LauncherError."""
    named = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert named is not None
    try:
        buildah(f"pulling {named[1]}", "pull", "--quiet", "--policy", "always", "--retry", "0", named[1])
    except LauncherError as error:
        reason = str(error).strip().rpartition("\n")[2]
        click.secho(f"{named[1]} cannot be had here ({reason}); making one of Debian's packages", fg="yellow")
        return _of_debian(buildah, work)
    return named[1]


def _of_debian(buildah: Buildah, work: Path) -> str:
    if shutil.which("mmdebstrap") is None:
        raise LauncherError(
            "needs mmdebstrap (Debian: apt install mmdebstrap), or --base with an image that can be had"
        )
    # The mirrors that this machine itself installs from; what apt has of others is none of Debian.
    line = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    listing = ["apt-get", "indextargets", "--format", line, "Created-By: Packages", "Origin: Debian"]
    mirrors = subprocess.run(listing, check=True, capture_output=True).stdout
    if not mirrors:
        raise LauncherError("apt knows of no mirror of Debian's; run apt-get update")
    sources = work / "sources.list"
    sources.write_bytes(mirrors)
    archive = work / "base.tar"
    options = [f"--dpkgopt={each}" for each in _LEFT_OUT]
    command = ["mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", *options]
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    run_tool("making a base of Debian's packages", [*command, suite, archive, sources], timeout_s=_TIMEOUT_S)
    purpose = "making an image of Debian's packages"
    container = buildah(purpose, "from", "scratch")
    buildah(purpose, "add", "--quiet", container, archive, "/")
    buildah(purpose, "commit", "--quiet", "--rm", container, _DEBIAN)
    archive.unlink()
    return _DEBIAN
