"""The stack that is measured: one that runs, or one of the benchmark's own that is gone afterwards."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livestream_local.errors import LauncherError
from livestream_local.ports import free_base
from livestream_local.stack import Stack, find_stack

_START_TIMEOUT_SECONDS = 300  # a first start downloads servers
_STOP_TIMEOUT_SECONDS = 60
_POLL_SECONDS = 0.2


@contextmanager
def running_stack(data: Path | None, port_base: int | None) -> Iterator[Stack]:
    """The stack that runs on `data`; without one, a fresh stack in a temporary folder. Raises LauncherError."""
    if data is not None:
        yield find_stack(port_base, data)
        return
    with tempfile.TemporaryDirectory(prefix="livestream-bench-") as folder, _own_stack(Path(folder)) as stack:
        yield stack


@contextmanager
def _own_stack(data: Path) -> Iterator[Stack]:
    base = free_base()
    command = [sys.executable, "-m", "livestream_local", "up", "--port-base", str(base), "--data", str(data)]
    with subprocess.Popen(command, stdout=sys.stderr) as process:
        try:
            yield _wait_for(process, data)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_STOP_TIMEOUT_SECONDS)


def _wait_for(process: "subprocess.Popen[bytes]", data: Path) -> Stack:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return find_stack(data=data)
        except LauncherError:
            time.sleep(_POLL_SECONDS)
    raise LauncherError("the benchmark's own stack did not start")
