"""For tests: places at which the process ends itself, or stops itself, as soon as a test asks for it.

`PROJECTOR_FAILPOINTS` names a folder, and without it nothing here does anything. A file in it that is named after a
failpoint says what is to happen when it is reached next: `kill` or `stop`. It is taken away first, so it happens once,
and the process that is started next lives.
"""

import os
import signal
from enum import StrEnum
from pathlib import Path
from typing import Final

from livestream.logs import get_logger


class Failpoint(StrEnum):
    """Moments in the life of a batch between which a crash makes a difference."""

    FETCHED = "fetched"
    BEFORE_COMMIT = "before-commit"
    """Everything is written, in a transaction that is open."""
    AFTER_COMMIT = "after-commit"
    AFTER_REDIS = "after-redis"
    """Published, and still in the outbox."""


class FailpointError(Exception):
    """A test asks for something that there is not."""


_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_log = get_logger(__name__)
_folder: Path | None = None


def enable(folder: Path | None) -> None:
    """Look into `folder` from now on; None: nowhere."""
    global _folder  # noqa: PLW0603 - one process, one folder: handing it to every place would make them all know of tests
    _folder = folder
    if folder is not None:
        _log.warning("failpoints_enabled", folder=str(folder))


def reach(failpoint: Failpoint) -> None:
    """Returns unless a test asked for this one. Raises FailpointError where it asked for an unknown one or deed."""
    if _folder is not None:
        _obey(_folder, failpoint)


def _obey(folder: Path, failpoint: Failpoint) -> None:
    asked = {path.name: path for path in folder.iterdir()}
    unknown = asked.keys() - set(Failpoint)
    if unknown:
        raise FailpointError(f"{sorted(unknown)} are no failpoints; there are {', '.join(Failpoint)}")
    if failpoint not in asked:
        return
    deed = asked[failpoint].read_text(encoding="ascii").strip()
    if deed not in _SIGNALS:
        raise FailpointError(f"{failpoint}: {deed!r} cannot be done; kill and stop can")
    asked[failpoint].unlink()
    os.kill(os.getpid(), _SIGNALS[deed])
