"""One stream gateway: its parts wired as in `livestream_gateway.app`, with connections to simulated viewers."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Any, Final, cast

from livestream.frames import View
from livestream.history import History
from livestream.readmodel import ReadModel
from livestream.serving import ServingCopy
from livestream_gateway.attendance import Attendance
from livestream_gateway.connection import TOO_SLOW
from livestream_gateway.fan_out import FanOut
from livestream_gateway.follower import Follower
from livestream_gateway.hub import Hub
from livestream_gateway.resume import read_claim
from livestream_gateway.stream import Stream
from livestream_gateway.views import Views
from livestream_gateway.wire import Form, Wire
from tests.support.simulation.pool import SimulatedPool
from tests.support.simulation.projector_process import Servers
from tests.support.simulation.redis import SimulatedRedis
from tests.support.simulation.world import Process

# Small enough that cursors are caught up with from Redis too, and that a viewer who does not read is a slow one.
_REPLAY_BYTES: Final = 20_000
_CLIENT_BUFFER_BYTES: Final = 2_000
_PLAIN: Final = Form(gzip=False, chunked=False)


class Gateway:
    """What viewers connect to; there is nothing to connect to before its process has begun."""

    def __init__(self, process: Process, servers: Servers) -> None:
        self.process = process
        serving = ServingCopy(cast("Any", SimulatedRedis(servers.redis, process)))
        pool: Any = SimulatedPool(servers.database, process)
        news = asyncio.Event()
        self._follower = Follower(serving, _REPLAY_BYTES, news.set)
        self._views = Views(ReadModel(serving, History(pool)), self._follower, news.set)
        self._hub = Hub(self._follower, self._views, FanOut(_CLIENT_BUFFER_BYTES), news)
        self._attendance = Attendance(self._hub, self._follower)
        self._streams = 0

    async def run(self) -> None:
        """Runs until its process ends."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run())
            tasks.create_task(self._hub.run())

    def connect(self, connection: "SimulatedConnection", views: Sequence[View], last_event_id: str) -> None:
        """A request has come, as `livestream_gateway.routes` serves it."""

        def serve() -> None:
            connection.serving = asyncio.create_task(self._serve(connection, views, last_event_id))

        self.process.loop.call_soon(serve)

    async def _serve(self, connection: "SimulatedConnection", views: Sequence[View], last_event_id: str) -> None:
        watched = [self._hub.views.watch(view) for view in views]
        stream = _NumberedStream(cast("Any", connection), watched, read_claim(last_event_id, None))
        stream.number = self._streams = self._streams + 1
        try:
            with suppress(TimeoutError):
                async with stream.scope:
                    await self._attendance.attend(stream)
        finally:
            stream.gone.set()
            for each in watched:
                self._hub.views.unwatch(each)


class _NumberedStream(Stream):
    """Sets of streams are gone through in the same order whenever a seed is repeated, wherever they lie in memory."""

    number = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class SimulatedConnection:
    """What `Stream` writes to. The bytes of a viewer who does not read wait here."""

    def __init__(self, gateway: Gateway, arrived: Callable[["SimulatedConnection", bytes], None]) -> None:
        self.form = _PLAIN
        self.serving: asyncio.Task[None] | None = None
        self.is_cut = False
        self.is_read = True
        self._world = gateway.process.world
        self._gateway = gateway
        self._arrived = arrived
        self._buffer = b""
        self._is_due = False

    @property
    def is_open(self) -> bool:
        return not self.is_cut and self._gateway.process.is_alive

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)

    def write(self, wire: Wire) -> int:
        return max(self.offer(wire), 0)

    def offer(self, wire: Wire, most_waiting_bytes: float = inf) -> int:
        if len(self._buffer) > most_waiting_bytes:
            return TOO_SLOW
        content = wire.to(self.form)
        if not self.is_cut:
            self._buffer += content
            self._schedule()
        return len(content)

    def abort(self) -> None:
        self.cut()

    def cut(self) -> None:
        """The connection is gone, with what was not taken yet."""
        self.is_cut = True
        self._buffer = b""
        if self.serving and self._gateway.process.is_alive:
            self._gateway.process.loop.call_soon(self.serving.cancel)

    def read(self, *, go_on: bool) -> None:
        """Whether the viewer takes what comes."""
        self.is_read = go_on
        self._schedule()

    def _schedule(self) -> None:
        if self.is_read and self._buffer and not self._is_due:
            self._is_due = True
            self._world.after(self._world.random.uniform(0.001, 0.02), self._deliver)

    def _deliver(self) -> None:
        """Any number of bytes arrive, cut anywhere; the rest a moment later."""
        self._is_due = False
        if self.is_cut or not self.is_read:
            return
        size = len(self._buffer)
        taken = size if self._world.random.random() < 0.8 else self._world.random.randint(1, max(size, 1))
        arrived, self._buffer = self._buffer[:taken], self._buffer[taken:]
        self._arrived(self, arrived)
        self._schedule()
