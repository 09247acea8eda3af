"""Starts programs in stages, keeps them running, and stops them in reverse order."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from livestream_local.errors import LauncherError
from livestream_local.keeper import Keeper
from livestream_local.program import Program
from livestream_local.report import Report

Stage = Sequence[Program]


class Supervisor:
    """Runs `stages`: what stands in one stage starts together, once all before it are ready."""

    def __init__(self, stages: Sequence[Stage], logs: Path, report: Report) -> None:
        self._stages = [[Keeper(program, logs, report) for program in stage] for stage in stages]
        self._keepers = {keeper.program.name: keeper for stage in self._stages for keeper in stage}

    async def start(self) -> None:
        """Returns when everything is ready. If something fails, stops the rest and raises LauncherError."""
        try:
            for stage in self._stages:
                await self._start_stage(stage)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops everything, the last stage first."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(keeper.stop() for keeper in stage))

    def keeper(self, name: str) -> Keeper:
        """Who keeps the program `name`. Raises KeyError."""
        return self._keepers[name]

    @property
    def pids(self) -> dict[str, int]:
        """Of what runs now, by name."""
        return {name: keeper.pid for name, keeper in self._keepers.items() if keeper.pid is not None}

    @staticmethod
    async def _start_stage(stage: Sequence[Keeper]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for keeper in stage:
                    group.create_task(keeper.start(), name=f"start {keeper.program.name}")
        except ExceptionGroup as failures:
            known, unknown = failures.split(LauncherError)
            if known is None or unknown is not None:
                raise
            raise LauncherError("\n".join(str(failure) for failure in known.exceptions)) from None
