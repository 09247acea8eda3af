"""The launcher's supervisor for tests: in a thread of its own, so that sync and async tests use it alike."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from livestream_local.program import Program
from livestream_local.report import Silence
from livestream_local.supervisor import Supervisor

Result = TypeVar("Result")

# Above the supervisor's own time-outs, which explain themselves.
CALL_TIMEOUT_S = 150


class Supervised:
    """Programs that run while this context is open. Every method blocks until it is done."""

    def __init__(self, stages: Sequence[Sequence[Program]], logs: Path) -> None:
        self.logs = logs
        self._programs = {program.name: program for stage in stages for program in stage}
        self._supervisor = Supervisor(stages, logs, Silence())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(self._supervisor.start())
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._call(self._supervisor.stop())
        finally:
            self._end_loop()

    def __contains__(self, name: str) -> bool:
        return name in self._programs

    def program(self, name: str) -> Program:
        """Raises KeyError."""
        return self._programs[name]

    def pid(self, name: str) -> int | None:
        """The pid of the process that runs now, if one does."""
        return self._supervisor.keeper(name).pid

    def kill(self, name: str) -> None:
        """SIGKILL to the process and its descendants; it is started again after a moment, as by `./live up`."""
        self._call(self._supervisor.keeper(name).kill())

    def stop(self, name: str) -> None:
        """Ends it in an orderly way; it stays away until `start`."""
        self._call(self._supervisor.keeper(name).stop())

    def start(self, name: str) -> None:
        """Starts what was stopped, and returns when it is ready; does nothing to what was not."""
        self._call(self._supervisor.keeper(name).start())

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def pause(self, name: str) -> None:
        """SIGSTOP: it holds its connections and answers nothing, as behind a cut network."""
        self._supervisor.keeper(name).pause()

    def resume(self, name: str) -> None:
        self._supervisor.keeper(name).resume()

    def is_ready(self, name: str) -> bool:
        return self._call(self._programs[name].is_ready())

    def log(self, name: str) -> str:
        """What it wrote since it was last started by `start`."""
        return self._supervisor.keeper(name).log.read_text(encoding="utf-8", errors="replace")

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_TIMEOUT_S)

    def _end_loop(self) -> None:
        left = [task.get_name() for task in asyncio.all_tasks(self._loop)]
        self._call(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        assert not left, f"still running after the supervisor stopped: {left}"
