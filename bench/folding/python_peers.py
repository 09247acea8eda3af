"""Programs of other frameworks for the same: each in bench/peers/, with a locked environment of its own."""

from pathlib import Path
from typing import Final

from livestream_local.environments import locked_environment
from livestream_local.errors import LauncherError
from livestream_local.paths import CACHE, ROOT

_PEERS: Final = ROOT / "bench/peers"
_ENVIRONMENTS: Final = CACHE / "peers"


class NotInstalledError(Exception):
    """A peer cannot take part here; the message says why."""


def program_of(peer: str) -> Path:
    return _PEERS / peer / "program.py"


def install(peer: str) -> Path:
    """The peer's own Python, set up where it is missing or its lock file has changed. Raises NotInstalledError."""
    try:
        return locked_environment(_PEERS / peer / "requirements.lock", _ENVIRONMENTS / f"{peer}-python") / "python"
    except LauncherError as error:
        raise NotInstalledError(f"{peer}: {error}") from None


def version(peer: str) -> str:
    """As it is locked."""
    lock = (_PEERS / peer / "requirements.lock").read_text()
    (found,) = (line for line in lock.splitlines() if line.startswith((f"{peer}==", f"{peer}[")))
    return found.partition("==")[2].split()[0]
