"""Clients that all come at once, each with the cursor that it had: what a gateway meets when another one is gone."""

import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from bench.streams.marks import MarkReader
from bench.streams.watchers import Address, Watchers, allow_many_files
from bench.support.distribution import Distribution

_READ_BYTES: Final = 64 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_SNAPSHOT: Final = b"event: snapshot"
_TIMEOUT_S: Final = 120
# As many as may wait to be accepted; the kernel lets a client that finds no place try again a second later.
_CONNECTING: Final = 1_000


class Returning(NamedTuple):
    """A client that holds all messages up to `held`, and asks for the others by `request`."""

    held: int
    request: bytes


class Caught(NamedTuple):
    """`wrong`: clients that were told something else than what they missed, each message once and in order.

    `latency` is from connecting until all of it was read. `seconds`: until that was so for everybody.
    """

    clients: int
    wrong: int
    snapshots: int
    seconds: float
    latency: Distribution


class _Client:
    __slots__ = ("came_at", "caught_at", "content", "held", "socket")

    def __init__(self, connected: socket.socket, held: int, came_at: float) -> None:
        self.socket = connected
        self.held = held
        self.came_at = came_at
        self.caught_at: float | None = None
        self.content = bytearray()


def storm(_: Watchers, address: Address, last: int, returning: Sequence[Returning]) -> Caught:
    """Let all come, over there where the load client runs; `last` is the newest message's number."""
    return Storm(address, last).come(returning)


class Storm:
    """All come to one address; `last` is the newest message's number."""

    def __init__(self, address: Address, last: int) -> None:
        allow_many_files()
        self._address = address
        self._last = last
        # What stands in the text of the newest message, and in no other one.
        self._end = f"#{last}@".encode()
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._waiting: set[int] = set()

    def come(self, returning: Sequence[Returning]) -> Caught:
        """Raises TimeoutError where some are not caught up with in time."""
        begun = time.monotonic()
        for each in returning:
            self._connect(each)
            while len(self._waiting) >= _CONNECTING:
                self._read(begun)
        while self._waiting:
            self._read(begun)
        seconds = time.monotonic() - begun
        clients = self._clients.values()
        caught = Caught(
            clients=len(clients),
            wrong=sum(self._is_wrong(client) for client in clients),
            snapshots=sum(_SNAPSHOT in client.content for client in clients),
            seconds=seconds,
            latency=Distribution.of([client.caught_at - client.came_at for client in clients if client.caught_at]),
        )
        for client in clients:
            client.socket.close()
        return caught

    def _connect(self, returning: Returning) -> None:
        came_at = time.monotonic()
        connected = socket.create_connection(self._address, _TIMEOUT_S)
        connected.setblocking(False)
        connected.sendall(returning.request)
        descriptor = connected.fileno()
        self._clients[descriptor] = _Client(connected, returning.held, came_at)
        self._waiting.add(descriptor)
        self._epoll.register(descriptor, select.EPOLLIN)

    def _read(self, begun: float) -> None:
        if time.monotonic() - begun > _TIMEOUT_S:
            raise TimeoutError(f"{len(self._waiting)} clients were not caught up with")
        for descriptor, _ in self._epoll.poll(1.0):
            client = self._clients[descriptor]
            data = os.read(descriptor, _READ_BYTES)
            if not data:
                raise ConnectionError("a client was cut")
            client.content += data
            if self._end in client.content and client.content.endswith(b"\n\r\n"):
                client.caught_at = client.caught_at or time.monotonic()
                self._waiting.discard(descriptor)

    def _is_wrong(self, client: _Client) -> bool:
        _, _, body = client.content.partition(_END_OF_HEAD)
        frames = MarkReader(is_chunked=True).read(body)
        numbers = [message.number for frame in frames for message in frame.messages]
        return numbers != list(range(client.held + 1, self._last + 1))
