"""What a process costs, by the kernel's own books, and on which cores it runs. Linux only."""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

_KIB: Final = 1024
_PROC: Final = Path("/proc")
# proc_pid_clear_refs(5): "reset the peak resident set size to the current value".
_RESET_PEAK: Final = "5"


def cpu_seconds(pid: int) -> float:
    """User and system time that a process, its descendants and those that it has waited for took so far.

    The kernel tells it in steps of 10 ms: measure over seconds.
    """
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_bytes(pid: int) -> int:
    """What a process and its descendants hold in memory now. Pages that they share count for each."""
    return _KIB * sum(_status_kib(process.pid, "VmRSS") for process in _tree(pid))


def peak_resident_bytes(pid: int) -> int:
    """The sum of the most that each of them ever held, or held since `reset_peak`."""
    return _KIB * sum(_status_kib(process.pid, "VmHWM") for process in _tree(pid))


def reset_peak(pid: int) -> None:
    """Let the peak begin at what is held now."""
    for process in _tree(pid):
        (_PROC / str(process.pid) / "clear_refs").write_text(_RESET_PEAK)


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep a process that runs, with all its threads and descendants, on some cores."""
    for process in _tree(pid):
        with suppress(FileNotFoundError):
            for task in (_PROC / str(process.pid) / "task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), cores)


@contextmanager
def running_on(cores: Collection[int]) -> Iterator[None]:
    """Keep this thread on some cores meanwhile, and for good what it starts: for programs that count their cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _status_kib(pid: int, field: str) -> int:
    found = re.search(rf"^{field}:\s*(\d+) kB$", (_PROC / str(pid) / "status").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
