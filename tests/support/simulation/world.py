"""The clock, and the processes that live by it."""

import asyncio
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from math import inf
from random import Random
from typing import Any, Final

# Whatever a killed process still has to unwind is unwound within so many turns of its loop.
_TURNS_TO_UNWIND: Final = 1_000

Action = Callable[[], None]


class World:
    """`now` is in seconds since the beginning. Things that happen at the same time happen in an order that is drawn."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.processes: list[Process] = []
        self.trace: list[tuple[float, str, str]] | None = None
        self._agenda: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()

    def at(self, when: float, action: Action) -> None:
        """Let something happen, not within any process."""
        heapq.heappush(self._agenda, (max(when, self.now), next(self._numbers), action))

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.now + seconds, action)

    def note(self, who: str, what: str) -> None:
        """For whoever reads the trace of a seed that fails."""
        if self.trace is not None:
            self.trace.append((self.now, who, what))

    def run(self, until: float) -> None:
        """Let everything happen up to a time."""
        agenda = self._agenda
        while True:
            soonest, loops = agenda[0][0] if agenda else inf, []
            for process in self.processes:
                if process.is_stopped:
                    continue
                when = process.loop.next_time()
                if when < soonest:
                    soonest, loops = when, [process.loop]
                elif when == soonest and loops:
                    loops.append(process.loop)
            if soonest > until:
                break
            self.now = max(self.now, soonest)
            if loops:
                (loops[0] if len(loops) == 1 else self.random.choice(loops)).turn()
            else:
                heapq.heappop(agenda)[2]()
        self.now = until

    def close(self) -> None:
        """End all processes, so that nothing is left to the garbage collector."""
        for process in list(self.processes):
            process.kill()


class Process:
    """A process with an event loop of its own. `failure` is what ended it, unless it was killed."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.loop = ProcessLoop(world, name)
        self.is_alive = True
        self.is_stopped = False
        self.failure: BaseException | None = None
        self.on_death: list[Action] = []
        self._doom: tuple[int, Action] | None = None
        world.processes.append(self)

    def doom(self, calls: int, deed: Action) -> None:
        """Something happens to it about the time of one of its next calls: before it arrives, or before its answer."""
        self._doom = (calls, deed)

    def has_called(self) -> None:
        """A call to a server is on its way."""
        if self._doom is None:
            return
        calls, deed = self._doom
        self._doom = (calls - 1, deed)
        if calls <= 1:
            self._doom = None
            self.world.after(0.005 * self.world.random.random(), deed)

    def start(self, main: Coroutine[Any, Any, None]) -> None:
        self.loop.create_task(main).add_done_callback(self._ended)

    def kill(self) -> None:
        """It never does anything again; what it had sent is on its way."""
        if not self.is_alive:
            return
        self.world.note(self.name, "killed")
        self._die()

    def stop(self, seconds: float) -> None:
        """As SIGSTOP, and SIGCONT after that time."""
        if self.is_alive and not self.is_stopped:
            self.world.note(self.name, f"stopped for {seconds:.2f} s")
            self.is_stopped = True
            self.world.after(seconds, self._continue)

    def _continue(self) -> None:
        if self.is_alive:
            self.world.note(self.name, "continued")
        self.is_stopped = False

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if self.is_alive:
            self.failure = task.exception()
            self.world.note(self.name, f"ended: {self.failure!r}")
            self.world.at(self.world.now, self.kill)

    def _die(self) -> None:
        self.is_alive = False
        self.world.processes.remove(self)
        # In which order its tasks end is up to the garbage collector's addresses: nothing may come of it.
        drawn = self.world.random.getstate()
        self.loop.unwind()
        self.world.random.setstate(drawn)
        for action in self.on_death:
            action()


class ProcessLoop(asyncio.BaseEventLoop):
    """An event loop that takes its time from the world and does a turn when it is told to.

    It knows the insides of asyncio's own loop, which have been the same from Python 3.4 to 3.14.
    """

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _run_once: Callable[[], None]

    def __init__(self, world: World, name: str) -> None:
        super().__init__()
        self.name = name
        self._world = world
        self._selector = _NothingToSelect()

    def time(self) -> float:
        return self._world.now

    def next_time(self) -> float:
        """When it has something to do."""
        if self._ready:
            return self._world.now
        scheduled = self._scheduled
        while scheduled and scheduled[0].cancelled():
            self._timer_cancelled_count -= 1
            timer: Any = heapq.heappop(scheduled)
            timer._scheduled = False
        return scheduled[0].when() if scheduled else inf

    def turn(self) -> None:
        """Run all that is due."""
        outer = events._get_running_loop()
        events._set_running_loop(self)
        try:
            self._run_once()
        finally:
            events._set_running_loop(outer)

    def unwind(self) -> None:
        """Cancel all tasks and run them to their ends. None can reach a server any more: its process is dead."""
        for _ in range(_TURNS_TO_UNWIND):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            if not self._ready:
                for task in tasks:
                    task.cancel()
            self.turn()
        else:
            raise AssertionError(f"these do not end: {asyncio.all_tasks(self)}")
        self._ready.clear()
        self._scheduled.clear()
        self.close()

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing here is a file or a socket."""

    def _write_to_self(self) -> None:
        """It has no other thread to wake."""


class _NothingToSelect:
    def select(self, _timeout: float | None) -> list[Any]:
        return []
