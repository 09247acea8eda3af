"""What breaks in a history: which kinds at all, how often and when is drawn from its seed."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tests.support.simulation.fleet import Fleet
from tests.support.simulation.kafka import WallClock
from tests.support.simulation.projector_process import Servers
from tests.support.simulation.redis import Strike
from tests.support.simulation.servers import Server
from tests.support.simulation.world import Process, World

_MOST_FAULTS: Final = 10
_TROUBLES: Final = (0.0, 0.0, 0.02, 0.08, 0.25)


class Faults:
    """Draws them all at once, up to time `until`; after `end` nothing new breaks."""

    def __init__(self, world: World, servers: Servers, fleet: Fleet, clock: WallClock) -> None:
        self._world = world
        self._random = world.random
        self._servers = servers
        self._fleet = fleet
        self._clock = clock
        self._all: tuple[Server, ...] = (servers.kafka, servers.database, servers.redis)
        self._copy: Any = None
        self._is_over = False
        self._kinds: tuple[Callable[[], None], ...] = (
            self._kill, self._kill_at_a_call, self._stop, self._stop_at_a_call, self._scale, self._server_down,
            self._server_slow, self._commit_stalls, self._redis_flushed, self._redis_flushed_in_a_load,
            self._redis_restarted, self._redis_restored, self._loader_stopped, self._clock_set,
        )  # fmt: skip

    def begin(self, until: float) -> None:
        for server in self._all:
            server.trouble = self._random.choice(_TROUBLES)
        self._fleet.scale(self._random.randint(1, 3))
        kinds = self._random.sample(self._kinds, self._random.randint(1, 6))
        for _ in range(self._random.randint(0, _MOST_FAULTS)):
            kind = self._random.choice(kinds)
            self._world.at(self._random.uniform(0, until), partial(self._strike, kind))
        self._world.at(self._random.uniform(0, until), self._take_copy)

    def end(self) -> None:
        """From now on everything works, but for what is still down or stopped for a while."""
        self._is_over = True
        for server in self._all:
            server.trouble, server.slowness = 0.0, 1.0
        self._fleet.scale(self._random.randint(1, 3))

    def _strike(self, kind: Callable[[], None]) -> None:
        if not self._is_over:
            kind()

    def _some_process(self) -> Process | None:
        running = self._fleet.running
        return self._random.choice(running) if running else None

    def _kill(self) -> None:
        if process := self._some_process():
            process.kill()

    def _kill_at_a_call(self) -> None:
        if process := self._some_process():
            process.doom(self._random.randint(1, 30), process.kill)

    def _stop(self) -> None:
        if process := self._some_process():
            process.stop(self._random.uniform(0.1, 6.0))

    def _stop_at_a_call(self) -> None:
        if process := self._some_process():
            seconds = self._random.uniform(0.1, 6.0)
            process.doom(self._random.randint(1, 30), lambda: process.stop(seconds))

    def _scale(self) -> None:
        self._fleet.scale(self._random.randint(1, 3))

    def _server_down(self) -> None:
        self._random.choice(self._all).go_down(self._random.uniform(0.05, 1.5))

    def _server_slow(self) -> None:
        server = self._random.choice(self._all)
        server.slowness = self._random.choice((5.0, 30.0, 200.0))
        self._world.note(server.name, f"slow: {server.slowness}")
        self._world.after(self._random.uniform(0.1, 2.0), lambda: setattr(server, "slowness", 1.0))

    def _commit_stalls(self) -> None:
        """While somebody else may get its partitions, or it gets them once more."""
        self._servers.database.stall_next_commit(self._random.uniform(0.2, 3.0))
        self._world.after(self._random.uniform(0.0, 1.0), partial(self._strike, self._scale))

    def _redis_flushed_in_a_load(self) -> None:
        self._servers.redis.flush()
        self._in_a_load(lambda _: self._strike(self._redis_flushed))

    def _loader_stopped(self) -> None:
        seconds = self._random.uniform(0.3, 7.0)
        self._in_a_load(lambda process: self._strike(partial(process.stop, seconds)))

    def _in_a_load(self, strike: Strike) -> None:
        self._servers.redis.before_stage = [*[None] * self._random.randint(0, 4), strike]

    def _redis_flushed(self) -> None:
        self._servers.redis.flush()

    def _redis_restarted(self) -> None:
        self._servers.redis.restart_empty(self._random.uniform(0.0, 1.0))

    def _redis_restored(self) -> None:
        if self._copy is not None:
            self._servers.redis.restart_from(self._copy, self._random.uniform(0.0, 1.0))

    def _take_copy(self) -> None:
        self._copy = self._servers.redis.data.copy()

    def _clock_set(self) -> None:
        self._clock.step(self._random.choice((-60_000, -2_000, -300, 300, 2_000, 60_000)))
