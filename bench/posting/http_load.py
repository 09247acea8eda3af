"""A client that costs little: prepared requests over kept connections, each sent when the answer before it is read."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from yarl import URL

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_TIMEOUT_SECONDS: Final = 120.0


class Answer(NamedTuple):
    status: int
    body: bytes


class Load(NamedTuple):
    """`seconds` passed from the first request to the last answer; `cpu_seconds` are this process's own."""

    answers: list[Answer]
    seconds: float
    cpu_seconds: float


async def post_all(url: str, content_type: str, bodies: Sequence[bytes], connections: int) -> Load:
    """Answers come in any order. Raises OSError where a connection breaks, TimeoutError where none comes any more."""
    target = URL(url)
    assert target.host is not None
    assert target.port is not None
    head = f"POST {target.path} HTTP/1.1\r\nHost: {target.authority}\r\nContent-Type: {content_type}\r\n"
    waiting = deque(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)
    loop = asyncio.get_running_loop()
    answers: list[Answer] = []
    protocols = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(lambda: _Connection(waiting, answers), target.host, target.port)
        protocols.append(protocol)
    begun_at, cpu_begun_at = time.perf_counter(), time.process_time()
    for protocol in protocols:
        protocol.begin()
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await asyncio.gather(*(protocol.ended for protocol in protocols))
    return Load(answers, time.perf_counter() - begun_at, time.process_time() - cpu_begun_at)


class _Connection(asyncio.Protocol):
    """Takes the next of the waiting requests whenever it is free."""

    def __init__(self, waiting: deque[bytes], answers: list[Answer]) -> None:
        self._waiting = waiting
        self._answers = answers
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one but for its ancestry

    def begin(self) -> None:
        assert self._transport is not None
        if self._waiting:
            self._transport.write(self._waiting.popleft())
        else:
            self._transport.close()
            self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = _whole_answer(self._received)
        if answer is not None:
            self._received.clear()
            self._answers.append(answer)
            self.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server closed a connection"))


def _whole_answer(received: bytearray) -> Answer | None:
    end = received.find(_HEAD_END)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
    start = end + len(_HEAD_END)
    if len(received) < start + length:
        return None
    return Answer(int(head.split(b" ", 2)[1]), bytes(received[start:]))
