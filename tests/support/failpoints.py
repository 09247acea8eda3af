"""Asking a projector to end or stop itself at a certain moment of a batch's life."""

from pathlib import Path
from typing import Literal

from livestream_projector.failpoints import Failpoint

Deed = Literal["kill", "stop"]


class Failpoints:
    """A folder below `root` for each projector by name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def environment(self, projector: str) -> dict[str, str]:
        """What lets a projector look here."""
        folder = self._root / projector
        folder.mkdir(parents=True, exist_ok=True)
        return {"PROJECTOR_FAILPOINTS": str(folder)}

    def ask(self, projector: str, failpoint: Failpoint, deed: Deed) -> None:
        """It happens when the failpoint is reached next, once."""
        written = self._root / f"{projector}.asked"
        written.write_text(deed, encoding="ascii")
        written.replace(self._root / projector / failpoint)

    def is_done(self, projector: str, failpoint: Failpoint) -> bool:
        """Whether it was reached since."""
        return not (self._root / projector / failpoint).exists()
