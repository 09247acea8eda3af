"""Becomes another program that cannot outlive its parent: `python -I -S child.py SIGNAL PARENT COMMAND…`.

On Linux the kernel is asked to send SIGNAL when the parent dies, by whatever death. It must be asked by the child
itself, after the last change of user, which is why this is a program of its own and not a pre-exec hook (unsafe
beside threads). Elsewhere the program runs without that safety net.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def guard(death_signal: signal.Signals) -> Sequence[str]:
    """What to put in front of a command, for this process to be the parent that it must not outlive."""
    return [sys.executable, "-I", "-S", __file__, str(int(death_signal)), str(os.getpid())]


def main() -> None:
    death_signal, parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != int(parent):  # It died before we could ask.
            os.kill(os.getpid(), signal.SIGKILL)
    os.execvp(command[0], command)  # noqa: S606 (becoming another program is the point)


if __name__ == "__main__":
    main()
