"""A viewer of `messages` that notes when it got which message, and whether it got any of them twice."""

import asyncio
import time
from collections import Counter
from typing import Final

import aiohttp
import msgspec

from livestream_auditor.sse import EventParser, ServerSentEvent, read_events


class _Message(msgspec.Struct):
    id: str


class _Frame(msgspec.Struct):
    messages: list[_Message] = []


class _Status(msgspec.Struct):
    tick_ms: int


_decode_frame: Final = msgspec.json.Decoder(_Frame).decode
_decode_status: Final = msgspec.json.Decoder(_Status).decode


class Viewer:
    """`received_at` are moments of time.perf_counter. `times` counts deltas; `snapshots` those behind the first."""

    def __init__(self, stream_url: str, prefix: str) -> None:
        self._url = f"{stream_url}/v1/streams/messages"
        self._prefix = prefix
        self.received_at: dict[str, float] = {}
        self.times: Counter[str] = Counter()
        self.snapshots = -1
        self.longest_tick_ms = 0
        self.frames = 0
        self.begun = asyncio.Event()
        self.changed = asyncio.Event()

    async def watch(self) -> None:
        """Runs until it is cancelled. Raises aiohttp.ClientError where the stream ends."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=10)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as response:
            async for event in read_events(response, EventParser()):
                self._take(event, time.perf_counter())
        raise aiohttp.ClientPayloadError("the stream ended")

    def _take(self, event: ServerSentEvent, now: float) -> None:
        if event.event == "status":
            self.longest_tick_ms = max(self.longest_tick_ms, _decode_status(event.data).tick_ms)
            return
        self.snapshots += event.event == "snapshot"
        self.frames += 1
        for message in _decode_frame(event.data).messages:
            if message.id.startswith(self._prefix):
                self.times[message.id] += event.event == "delta"
                self.received_at.setdefault(message.id, now)
        self.begun.set()
        self.changed.set()
