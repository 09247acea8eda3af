"""The processes that are to run: as many as wanted, each started again some time after it was killed."""

from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.simulation.world import Process, World

Main = Callable[[Process], Coroutine[Any, Any, None]]


class Fleet:
    """Several processes that do the same. `failures`: what ended any by itself, which nothing should."""

    def __init__(self, world: World, name: str, main: Main) -> None:
        self._world = world
        self._name = name
        self._main = main
        self._wanted = 0
        self._running: dict[int, Process] = {}
        self.failures: list[BaseException] = []

    @property
    def running(self) -> list[Process]:
        return [process for process in self._running.values() if process.is_alive]

    def scale(self, wanted: int) -> None:
        """Start or kill as many as it takes."""
        self._world.note(self._name, f"{wanted} wanted")
        self._wanted = wanted
        for number in range(wanted):
            if number not in self._running:
                self._start(number)
        for number in [number for number in self._running if number >= wanted]:
            self._running[number].kill()

    def _start(self, number: int) -> None:
        process = Process(self._world, f"{self._name}{number}")
        self._running[number] = process
        process.on_death.append(lambda: self._died(number, process))
        process.start(self._main(process))

    def _died(self, number: int, process: Process) -> None:
        if process.failure:
            self.failures.append(process.failure)
        self._world.after(self._world.random.uniform(0.05, 0.8), lambda: self._replace(number))

    def _replace(self, number: int) -> None:
        del self._running[number]
        if number < self._wanted:
            self._start(number)
