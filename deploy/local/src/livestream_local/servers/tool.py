"""Programs that make a server's data and then end."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from livestream_local import child
from livestream_local.errors import LauncherError

TIMEOUT_S = 120


def run_tool(
    purpose: str,
    command: Sequence[str | Path],
    *,
    privileges: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    input_text: str = "",
    folder: Path | None = None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Runs `command` to its end, in `folder` if that is given; it does not outlive the launcher.

    Raises LauncherError with all that it said if it fails.
    """
    try:
        done = subprocess.run(
            [*privileges, *child.guard(signal.SIGKILL), *command],
            input=input_text,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=folder,
            check=False,
            env={**os.environ, **(environment or {})},
            # Ctrl-C at the terminal is for the launcher, which ends this with itself.
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise LauncherError(f"{purpose} took longer than {timeout_s:g} s") from None
    if done.returncode != 0:
        raise LauncherError(f"{purpose} failed (exit status {done.returncode}):\n{done.stdout}{done.stderr}")
