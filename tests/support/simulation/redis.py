"""Redis as the product uses it: a server that may forget everything, and clients whose calls may fail."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.support.simulation.servers import Failures, Reply, Server
from tests.support.simulation.world import Process, World

# What happens to a server or to the process that calls it.
Strike = Callable[[Process], None]


class ServingData(Protocol):
    """What the server holds: the model in Python, or a real server that is asked behind the clock's back."""

    run_id: str

    def flush(self) -> None: ...

    def copy(self) -> Any: ...

    def restore(self, data: Any) -> None: ...

    def fcall(self, function: str, arguments: tuple[Any, ...]) -> Any: ...

    def entries(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]: ...


class RedisServer(Server):
    """`watch` is called behind every call of a Function that changes what readers see."""

    def __init__(self, world: World, data: ServingData) -> None:
        failures = Failures(
            lambda: RedisConnectionError("refused"), lambda: RedisConnectionError("closed"), RedisTimeoutError
        )
        super().__init__(world, "redis", failures)
        self.data = data
        self.watch: Callable[[], None] = lambda: None
        # What happens before the next calls of `stage`, one each.
        self.before_stage: list[Strike | None] = []
        self._followers: list[Callable[[], bool]] = []
        self._restart()

    def flush(self) -> None:
        self.world.note("redis", "flushed")
        self.data.flush()

    def restart_empty(self, seconds: float) -> None:
        self.data.flush()
        self._restart()
        self.go_down(seconds)

    def restart_from(self, data: Any, seconds: float) -> None:
        """With an older copy of its data."""
        self.world.note("redis", "restored from an older copy")
        self.data.flush()
        self.data.restore(data)
        self._restart()
        self.go_down(seconds)

    def fcall(self, process: Process, name: str, arguments: tuple[Any, ...]) -> Any:
        function = name.rsplit("_", 1)[1]
        if function == "stage" and self.before_stage:
            strike = self.before_stage.pop(0)
            if strike:
                strike(process)
        result = self.data.fcall(function, arguments)
        if function in ("publish", "switch"):
            self.world.note("redis", f"{function} {arguments[0] if function == 'switch' else ''}: {result!r}")
            self.watch()
            self._followers = [answer for answer in self._followers if not answer()]
        return result

    def follow(self, key: str, after: int, count: int, wait_s: float, reply: Reply) -> None:
        """XREAD BLOCK."""

        def answer() -> bool:
            found = [entry for entry in self.data.entries(key) if _sequence(entry[0]) > after][:count]
            if found:
                reply([[key, found]])
            return bool(found)

        def give_up() -> None:
            if answer in self._followers:
                self._followers.remove(answer)
                reply([])

        if not answer():
            self._followers.append(answer)
            self.world.after(wait_s, give_up)

    def _restart(self) -> None:
        self.data.run_id = f"{self.world.random.getrandbits(160):040x}"


class SimulatedRedis:
    """The client of one process: what ServingCopy and DeltaLog call."""

    def __init__(self, server: RedisServer, process: Process) -> None:
        self._server = server
        self._process = process

    async def fcall(self, name: str, _keys: int, *arguments: Any) -> Any:
        return await self._call(lambda reply: reply(self._server.fcall(self._process, name, arguments)))

    async def xread(self, streams: dict[str, str], *, count: int, block: int) -> Any:
        ((key, after),) = streams.items()
        return await self._call(
            lambda reply: self._server.follow(key, _sequence(after.encode()), count, block / 1000, reply)
        )

    async def xrange(self, key: str, first: str = "0-0", last: str = f"{2**53}-0", *, count: int) -> Any:
        between = range(_sequence(first.encode()), _sequence(last.encode()) + 1)
        return await self._call(
            lambda reply: reply(
                [entry for entry in self._server.data.entries(key) if _sequence(entry[0]) in between][:count]
            )
        )

    def _call(self, work: Callable[[Reply], None]) -> "asyncio.Future[Any]":
        return self._server.call(self._process, work)


def _sequence(entry_id: bytes) -> int:
    return int(entry_id.partition(b"-")[0])
