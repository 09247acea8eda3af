"""Which build of a native program fits this machine."""

import platform
import sys

from livestream_local.errors import LauncherError

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}

SUPPORTED = tuple(f"{system}-{machine}" for system in ("linux", "darwin") for machine in ("amd64", "arm64v8"))


def this_platform() -> str:
    """`linux-amd64` and the like. Raises LauncherError where there is no build."""
    system = _SYSTEMS.get(sys.platform)
    machine = _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise LauncherError(
            f"no embedded Postgres for {sys.platform} on {platform.machine()}. Set DATABASE_URL to use your own."
        )
    return f"{system}-{machine}"
