"""What a benchmark watches from outside: streams by the byte, how long Redis answers nobody, memory."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import quote, urlsplit

import aiohttp
import psutil

_FRAME_END: Final = b"\n\n"
_PING_EVERY_SECONDS: Final = 0.005
_SAMPLE_SECONDS: Final = 0.1


class StreamMeter:
    """Counts what a viewer of one view is sent, uncompressed. `on_frame` gets every event's bytes."""

    def __init__(self, stream_url: str, view: str, on_frame: Callable[[bytes], None] | None = None) -> None:
        self.view = view
        self._url = f"{stream_url}/v1/streams/{quote(view)}"
        self._on_frame = on_frame
        self._buffer = bytearray()
        self._searched = 0
        self.begun = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        self.received_bytes = self.frames = self.snapshots = self.largest_bytes = 0
        self.first_snapshot_bytes = getattr(self, "first_snapshot_bytes", 0)

    async def watch(self) -> None:
        """Runs until it is cancelled. Raises aiohttp.ClientError where the stream ends."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=60)
        headers = {"Accept-Encoding": "identity"}
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url, headers=headers) as stream:
            async for piece in stream.content.iter_any():
                self._feed(piece)
        raise aiohttp.ClientPayloadError(f"the stream of {self.view} ended")

    def _feed(self, piece: bytes) -> None:
        self.received_bytes += len(piece)
        self._buffer += piece
        while (end := self._buffer.find(_FRAME_END, self._searched)) >= 0:
            self._take(bytes(self._buffer[: end + len(_FRAME_END)]))
            del self._buffer[: end + len(_FRAME_END)]
            self._searched = 0
        self._searched = max(len(self._buffer) - 1, 0)

    def _take(self, frame: bytes) -> None:
        if frame.startswith(b"event: status"):
            return
        self.frames += 1
        self.largest_bytes = max(self.largest_bytes, len(frame))
        if frame.startswith(b"event: snapshot"):
            self.snapshots += 1
            self.first_snapshot_bytes = self.first_snapshot_bytes or len(frame)
            self.begun.set()
        if self._on_frame:
            self._on_frame(frame)


class RedisPinger:
    """Asks Redis for a PONG all the time, in a thread of its own. `longest_ms` is the longest that one took."""

    def __init__(self, redis_url: str) -> None:
        at = urlsplit(redis_url)
        self._address = (at.hostname or "127.0.0.1", at.port or 6379)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.longest_ms = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def reset(self) -> None:
        self.longest_ms = 0.0

    def _run(self) -> None:
        with socket.create_connection(self._address) as connection:
            while not self._ended.wait(_PING_EVERY_SECONDS):
                begun = time.perf_counter()
                connection.sendall(b"PING\r\n")
                connection.recv(64)
                self.longest_ms = max(self.longest_ms, (time.perf_counter() - begun) * 1000)


class MemoryMeter:
    """The most resident memory that programs of a stack have had, by name, in MiB."""

    def __init__(self, launcher_pid: int, modules: dict[str, str]) -> None:
        self._launcher = psutil.Process(launcher_pid)
        self._modules = modules
        self._processes: dict[str, psutil.Process] = {}
        self.peak_mib: dict[str, float] = {}

    def reset(self) -> None:
        self.peak_mib = {}
        found = self._launcher.children(recursive=True)
        for name, module in self._modules.items():
            self._processes[name] = next(process for process in found if module in process.cmdline())

    async def run(self) -> None:
        """Samples until it is cancelled."""
        while True:
            for name, process in self._processes.items():
                mib = process.memory_info().rss / 2**20
                self.peak_mib[name] = max(self.peak_mib.get(name, 0.0), mib)
            await asyncio.sleep(_SAMPLE_SECONDS)
