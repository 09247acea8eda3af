"""Keeps one program running: starts it, waits until it is ready, starts it again when it ends."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from livestream_local import backoff
from livestream_local.child_process import ChildProcess, describe_exit, tail
from livestream_local.errors import LauncherError
from livestream_local.program import Program
from livestream_local.report import Report

# A cold machine may need this long for Kafka; what is not ready by then will not be.
READY_TIMEOUT_S = 120
READY_POLL_S = 0.1
# What takes longer than this waits for something that may never come: whoever started it should hear for what.
SLOW_S = 15
# Who ran that long was well, so its next failure is a first one.
HEALTHY_AFTER_S = 60


class Keeper:
    """The life of one program within a stack.

    `start` returns once it is ready, or raises LauncherError with the end of its log. From then on it is watched, and
    started anew with backoff whenever it ends, until `stop`.
    """

    def __init__(self, program: Program, logs: Path, report: Report) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self._report = report
        self._child: ChildProcess | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        return self._child.pid if self._child is not None and self._child.is_running else None

    async def start(self) -> None:
        """Returns when it is ready. Does nothing if it is kept running already."""
        if self._watch is not None:
            return
        self._keep_previous_log()
        try:
            await self._start_once()
        except BaseException:
            await self._end_child()
            raise
        self._watch = asyncio.create_task(self._keep_running(), name=f"keep {self.program.name}")

    async def stop(self) -> None:
        """Ends the process, its own way if it does so in time. Does nothing if it is not running."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        if self._child is not None:
            await self._end_child()
            self._report.stopped(self.program.name)

    async def kill(self) -> None:
        """Ends the process without warning; being watched, it comes back."""
        if self._child is not None:
            await self._child.kill()

    def pause(self) -> None:
        """Freezes the process: its connections stay open and nothing answers."""
        if self._child is not None:
            self._child.pause()

    def resume(self) -> None:
        if self._child is not None:
            self._child.resume()

    async def _start_once(self) -> None:
        name = self.program.name
        self._report.starting(name)
        began = time.monotonic()
        try:
            launch = await asyncio.to_thread(self.program.prepare)
        except OSError as error:
            raise LauncherError(f"{name} could not be prepared: {error}") from error
        with self.log.open("ab") as log:
            self._child = await ChildProcess.start(launch, log)
        await self._until_ready(self._child)
        self._report.ready(name, time.monotonic() - began)

    async def _until_ready(self, child: ChildProcess) -> None:
        name = self.program.name
        began = time.monotonic()
        told_at = began
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while not await self.program.is_ready():
                    if time.monotonic() - told_at > SLOW_S:
                        told_at = time.monotonic()
                        self._report.slow(name, told_at - began, tail(self.log).rpartition("\n")[2].strip())
                    if not child.is_running:
                        how = describe_exit(await child.wait())
                        raise LauncherError(f"{name} ended at its start ({how}). {self._end_of_log()}")
                    await asyncio.sleep(READY_POLL_S)
        except TimeoutError:
            raise LauncherError(f"{name} was not ready within {READY_TIMEOUT_S} s. {self._end_of_log()}") from None

    async def _keep_running(self) -> None:
        delays_s = backoff.delays_s()
        while True:
            assert self._child is not None
            began = time.monotonic()
            status = await self._child.wait()
            if time.monotonic() - began > HEALTHY_AFTER_S:
                delays_s = backoff.delays_s()
            delay_s = next(delays_s)
            self._report.died(self.program.name, describe_exit(status), delay_s)
            await asyncio.sleep(delay_s)
            await self._start_again(delays_s)

    async def _start_again(self, delays_s: Iterator[float]) -> None:
        while True:
            try:
                await self._start_once()
            except Exception as error:  # noqa: BLE001 (whatever it was, giving up on the program would be worse)
                await self._end_child()
                delay_s = next(delays_s)
                self._report.failed_again(self.program.name, str(error), delay_s)
                await asyncio.sleep(delay_s)
            else:
                return

    async def _end_child(self) -> None:
        if self._child is not None:
            await self._child.stop()
            self._child = None

    def _keep_previous_log(self) -> None:
        """The log of the run before this one is often why one looks."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self.log.with_suffix(".log.1"))

    def _end_of_log(self) -> str:
        return f"The end of {self.log}:\n{tail(self.log)}"
