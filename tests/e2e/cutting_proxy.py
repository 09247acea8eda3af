"""A TCP proxy that tests cut, close and stall: what happens to long connections between a browser and a server."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

_PIECE_BYTES = 65_536
_CALL_TIMEOUT_S = 10


class CuttingProxy:
    """Listens from the start on `port`; `target_port` may be set later. Runs in a thread of its own.

    `refused`: how many connections it has reset at once.
    """

    def __init__(self) -> None:
        self.port = 0
        self.target_port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cutting-proxy", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refuses = False
        self._flows = asyncio.Event()
        self.refused = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self._flows.set()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def is_idle(self) -> bool:
        """Whether no connection is open."""
        return not self._tasks

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._tasks)

    def cut(self) -> None:
        """Reset every connection; new ones are taken."""
        self._soon(self._cut)

    def refuse(self) -> None:
        """Reset every connection, and every new one at once."""
        self._refuses = True
        self._soon(self._cut)

    def stall(self) -> None:
        """Keep every connection open, and let nothing through, as a network does that lost its way."""
        self._soon(self._flows.clear)

    def heal(self) -> None:
        """Let everything through again. What was stalled is reset: nothing of it may arrive late."""
        self._refuses = False
        self._soon(self._cut)
        self._soon(self._flows.set)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._refuses:
            self.refused += 1
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await self._flows.wait()
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers.add(target_writer)
        await asyncio.gather(self._pump(reader, target_writer), self._pump(target_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                await self._flows.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _soon(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_TIMEOUT_S)
