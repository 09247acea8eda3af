"""One running child: in a session of its own, writing to a log file, gone when the launcher is."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import BinaryIO

import psutil

from livestream_local import child
from livestream_local.program import Launch

TAIL_BYTES = 8192


class ChildProcess:
    """A process that was started, and everything that it started itself in its session."""

    def __init__(self, process: asyncio.subprocess.Process, launch: Launch) -> None:
        self._process = process
        self._launch = launch

    @classmethod
    async def start(cls, launch: Launch, log: BinaryIO) -> "ChildProcess":
        process = await asyncio.create_subprocess_exec(
            # The exec chain keeps one pid: (another user, then) the guard, then the program.
            *launch.privileges,
            *child.guard(launch.death_signal),
            *launch.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **launch.environment},
            # Ctrl-C at the terminal is for the launcher, which stops the others in order.
            start_new_session=True,
        )
        return cls(process, launch)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    async def wait(self) -> int:
        """Waits for its end and returns the exit status, negative for a signal. Nothing of its session is left."""
        status = await self._process.wait()
        self._sweep_session()
        return status

    async def stop(self) -> None:
        """Asks it to end, and after its time-out makes it."""
        self.resume()  # One that was paused could not hear the request.
        if self.is_running:
            # Not by the process object: it would poll first, and take the exit status from asyncio's own watcher.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, self._launch.stop_signal)
        try:
            async with asyncio.timeout(self._launch.stop_timeout_s):
                await self.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Ends it and all its descendants without warning."""
        self._signal_tree(signal.SIGKILL)
        await self.wait()

    def pause(self) -> None:
        self._signal_tree(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_tree(signal.SIGCONT)

    def _signal_tree(self, number: signal.Signals) -> None:
        """To its descendants too, by parentage: each backend of Postgres leads a session of its own."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            for each in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.send_signal(number)

    def _sweep_session(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: the latter, of a group of zombies
            os.killpg(self.pid, signal.SIGKILL)


def describe_exit(status: int) -> str:
    """`exit status 1`, or `signal SIGKILL`."""
    return f"exit status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, for a person who wants to know why something failed."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])
