"""What the supervisor runs: one program, how it is launched, and how one knows that it is ready."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start one process and how to end it."""

    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's own."""
    privileges: Sequence[str] = ()
    """A command in front of `command` that changes the user it runs as."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the launcher dies without having stopped it."""
    stop_timeout_s: float = 20
    """After that long it is killed."""


class Program(Protocol):
    """A server or a service, in one instance.

    The supervisor calls `prepare` before every start, starts what it returns, and then asks `is_ready` until it says
    yes. After that it starts the program anew whenever it ends.
    """

    @property
    def name(self) -> str:
        """Unique within a stack; also the name of its log file."""

    @property
    def ports(self) -> Mapping[str, int]:
        """What it listens on, by purpose, all on 127.0.0.1."""

    def prepare(self) -> Launch:
        """Makes what the process needs (downloads, data, configuration) and says how to launch it.

        May block; runs in a thread. Called again after a crash, so it repairs or repeats nothing needlessly.
        Raises LauncherError.
        """

    async def is_ready(self) -> bool:
        """Whether it serves now. Never raises for a program that does not answer yet."""
