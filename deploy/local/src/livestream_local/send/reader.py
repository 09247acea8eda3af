"""Reads chunks in a thread of its own, a few ahead: neither a slow disk nor a silent pipe holds up what was read."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Final

from livestream_local.send.pacing import Chunk

_CHUNKS_AHEAD: Final = 2


class ChunkReader:
    """`next` waits for the next chunk, None at the end; it raises what reading raised.

    The thread is a daemon: a read from a pipe has no end that we could bring about, and must not delay ours.
    """

    def __init__(self, read: Callable[[], Iterator[Chunk]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Chunk | Exception | None] = asyncio.Queue(_CHUNKS_AHEAD)
        threading.Thread(target=self._run, args=(read,), name="read", daemon=True).start()

    async def next(self) -> Chunk | None:
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def _run(self, read: Callable[[], Iterator[Chunk]]) -> None:
        try:
            for chunk in read():
                self._put(chunk)
            self._put(None)
        except Exception as error:  # noqa: BLE001 - it is raised where the chunk was waited for
            self._put(error)

    def _put(self, item: Chunk | Exception | None) -> None:
        put = self._queue.put(item)
        try:
            asyncio.run_coroutine_threadsafe(put, self._loop).result()
        except RuntimeError:  # the loop has ended, and nobody waits for chunks any more
            put.close()
