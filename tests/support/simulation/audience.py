"""Gateways and their viewers, and what goes wrong between them."""

from collections.abc import Callable
from functools import partial
from typing import Final

from livestream.frames import View, ViewKind
from tests.support.simulation.fleet import Fleet
from tests.support.simulation.gateway_process import Gateway
from tests.support.simulation.projector_process import Servers
from tests.support.simulation.upstream import CHANNELS, USERS
from tests.support.simulation.viewer import Viewer
from tests.support.simulation.world import Process, World

_VIEWS: Final = (
    *(View(kind) for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)),
    *(View(ViewKind.CHANNEL, name) for name in CHANNELS[:3]),
    *(View(ViewKind.USER, name) for name in USERS[:3]),
)
_MOST_FAULTS: Final = 5


class Audience:
    """`viewers` come at drawn times; gateways are killed and stopped, connections cut, and readers pause."""

    def __init__(self, world: World, servers: Servers) -> None:
        self._world = world
        self._random = world.random
        self._servers = servers
        self._gateways: dict[Process, Gateway] = {}
        self.fleet = Fleet(world, "gateway", self._run_gateway)
        self.viewers: list[Viewer] = []
        self._is_over = False

    def begin(self, until: float) -> None:
        self.fleet.scale(self._random.randint(1, 2))
        for number in range(self._random.randint(1, 3)):
            views = self._random.sample(_VIEWS, self._random.choice((1, 1, 2, 4)))
            viewer = Viewer(self._world, f"viewer{number}", views, self._some_gateway)
            self.viewers.append(viewer)
            self._world.at(self._random.uniform(0, until), viewer.connect)
        kinds = (self._kill, self._stop, self._cut, self._cut, self._pause)
        for _ in range(self._random.randint(0, _MOST_FAULTS)):
            self._world.at(self._random.uniform(0, until), partial(self._strike, self._random.choice(kinds)))

    def end(self) -> None:
        """From now on everything works."""
        self._is_over = True
        self.fleet.scale(1)

    async def _run_gateway(self, process: Process) -> None:
        gateway = self._gateways[process] = Gateway(process, self._servers)
        await gateway.run()

    def _some_gateway(self) -> Gateway | None:
        running = [self._gateways[process] for process in self.fleet.running if process in self._gateways]
        return self._random.choice(running) if running else None

    def _strike(self, kind: Callable[[], None]) -> None:
        if not self._is_over:
            kind()

    def _kill(self) -> None:
        if running := self.fleet.running:
            self._random.choice(running).kill()

    def _stop(self) -> None:
        if running := self.fleet.running:
            self._random.choice(running).stop(self._random.uniform(0.1, 7.0))

    def _cut(self) -> None:
        connection = self._random.choice(self.viewers).connection
        if connection:
            connection.cut()

    def _pause(self) -> None:
        connection = self._random.choice(self.viewers).connection
        if connection:
            connection.read(go_on=False)
            self._world.after(self._random.uniform(0.2, 3.0), partial(connection.read, go_on=True))
