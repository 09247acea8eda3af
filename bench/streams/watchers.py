"""Thousands of clients of one view on one thread, which read as fast as they can and check what they are told."""

import os
import resource
import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from bench.streams.marks import Dechunked, MarkReader, now_us
from bench.streams.shared_stream import SharedStream
from bench.support.distribution import Distribution

Address = tuple[str, int]

_READ_BYTES: Final = 64 * 1024
_END_OF_HEAD: Final = b"\r\n\r\n"
_OK: Final = b"HTTP/1.1 200 "
# Below the backlog of any server that is measured: a connection that finds no place waits for a second.
_UNANSWERED: Final = 200
_CONNECT_TIMEOUT_S: Final = 10
# The gateway says every two seconds how it is; between two of those nobody is told anything.
_QUIET_S: Final = 0.4
_SETTLE_TIMEOUT_S: Final = 60
_LOOK_EVERY_S: Final = 0.02


class Audience(NamedTuple):
    """Who is to come. `requests` are sent in turn, each to the address at the same place.

    `cuts_alike`: all are sent the same chunks. Where they are not, each client takes its own apart. The last `frozen`
    ones stop reading when the measurement begins. `may_skip`: the view tells the newest messages of a frame only.
    """

    addresses: Sequence[Address]
    requests: Sequence[bytes]
    clients: int
    cuts_alike: bool
    is_gzip: bool = False
    frozen: int = 0
    may_skip: bool = False


class Report(NamedTuple):
    """What came to those who read. `latency` is from publishing until a frame was read, of each message.

    `is_complete`: all of it, to all of them, in order. `different` were told something else than the others.
    """

    messages: int
    frames: int
    bytes: int
    is_complete: bool
    is_in_order: bool
    different: int
    cut: int
    latency: Distribution | None
    cpu_seconds: float


class _Client:
    __slots__ = ("address", "chunks", "head", "is_answered", "is_different", "position", "reads", "shared", "socket")

    def __init__(self, connected: socket.socket, address: Address) -> None:
        self.socket = connected
        self.address = address
        self.shared: SharedStream | None = None
        self.head = b""
        self.is_answered = False
        self.chunks: Dechunked | None = None
        self.position = 0
        self.is_different = False
        self.reads: list[tuple[int, int]] | None = None


class Watchers:
    """Use: `come`, `begin`, `finish`, `report`, and again from `begin` on."""

    def __init__(self) -> None:
        allow_many_files()
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._frozen: list[_Client] = []
        self._audience: Audience | None = None
        self._shared: dict[Address, SharedStream] = {}
        self._last_read_at = 0.0
        self._begun_cpu_s = 0.0
        self._cut = 0

    def come(self, audience: Audience) -> float:
        """Connect all. Returns, when all were answered and nobody is told anything, how many seconds that took."""
        self._audience, begun = audience, time.monotonic()
        unanswered: list[_Client] = []
        for number in range(audience.clients):
            which = number % len(audience.addresses)
            unanswered.append(self._connect(audience.addresses[which], audience.requests[which]))
            while len(unanswered) >= _UNANSWERED:
                self.read(_LOOK_EVERY_S)
                unanswered = [client for client in unanswered if not client.is_answered]
        self._settle(begun + _SETTLE_TIMEOUT_S)
        return self._last_read_at - begun

    def begin(self, first: int, timed: int) -> None:
        """From here on all are told the same. `first`: the first message's number; `timed`: how many note the time."""
        audience = self._expected()
        self._settle(time.monotonic() + _SETTLE_TIMEOUT_S)
        self._shared = {
            address: SharedStream(
                MarkReader(is_chunked=audience.cuts_alike, is_gzip=audience.is_gzip), first, may_skip=audience.may_skip
            )
            for address in audience.addresses
        }
        self._freeze(audience.frozen)
        readers = list(self._clients.values())
        for client in readers:
            client.position, client.reads, client.shared = 0, None, self._shared[client.address]
            client.chunks = None if audience.cuts_alike else Dechunked()
        for client in readers[:: max(len(readers) // timed, 1)]:
            client.reads = []
        self._begun_cpu_s = time.process_time()

    def finish(self, last: int, timeout_s: float) -> bool:
        """Until the message numbered `last` has come to all; false where that takes too long."""
        deadline, next_look = time.monotonic() + timeout_s, 0.0
        while (now := time.monotonic()) < deadline:
            self.read(_LOOK_EVERY_S)
            if now >= next_look:
                if self._all_have(last):
                    return True
                next_look = now + _LOOK_EVERY_S
        return False

    def report(self) -> Report:
        """Of what came since `begin`, up to now."""
        cpu_seconds = time.process_time() - self._begun_cpu_s
        clients = self._clients.values()
        messages = frames = everything = 0
        for address, shared in self._begun().items():
            shared.look()
            positions = [client.position for client in clients if client.address == address]
            delivered = shared.delivered(positions)
            messages, frames = messages + delivered.messages, frames + delivered.frames
            everything += sum(len(frame.messages) for frame in shared.frames) * len(positions)
        is_in_order = all(shared.is_in_order for shared in self._shared.values())
        different = sum(client.is_different for client in clients)
        return Report(
            messages=messages,
            frames=frames,
            bytes=sum(client.position for client in clients),
            is_complete=is_in_order and not different and not self._cut and messages == everything,
            is_in_order=is_in_order,
            different=different,
            cut=self._cut,
            latency=self._latency(),
            cpu_seconds=cpu_seconds,
        )

    def leave(self) -> None:
        """Cut all connections."""
        for client in (*self._clients.values(), *self._frozen):
            client.socket.close()
        self._clients.clear()
        self._frozen.clear()
        self._shared, self._cut = {}, 0

    def listen(self, descriptor: int) -> None:
        """Let `read` tell when something has come there as well."""
        self._epoll.register(descriptor, select.EPOLLIN)

    def read(self, timeout_s: float) -> bool:
        """Read what has come, or wait for it. Whether something came where `listen` looks."""
        called = False
        clients = self._clients
        for descriptor, _ in self._epoll.poll(timeout_s):
            client = clients.get(descriptor)
            if client is None:
                called = True
                continue
            try:
                data = os.read(descriptor, _READ_BYTES)
            except OSError:
                data = b""
            if not data:
                self._gone(descriptor)
            elif client.shared is None:
                self._answered(client, data)
            else:
                if client.chunks:
                    data = client.chunks.feed(data)
                if client.shared.takes(client.position, data):
                    client.position += len(data)
                else:
                    client.is_different = True
                if client.reads is not None:
                    client.reads.append((now_us(), client.position))
        return called

    def _connect(self, address: Address, request: bytes) -> _Client:
        connected = socket.create_connection(address, _CONNECT_TIMEOUT_S)
        connected.setblocking(False)
        connected.sendall(request)
        client = self._clients[connected.fileno()] = _Client(connected, address)
        self._epoll.register(connected, select.EPOLLIN)
        return client

    def _answered(self, client: _Client, data: bytes) -> None:
        self._last_read_at = time.monotonic()
        if not client.is_answered:
            client.head += data
            head, end, body = client.head.partition(_END_OF_HEAD)
            if end and not head.startswith(_OK):
                raise ConnectionError(f"a stream was answered by {head.splitlines()[0]!r}")
            client.is_answered = bool(body)

    def _settle(self, deadline: float) -> None:
        """Until all were answered and told the same: nothing has come for a while."""
        for client in self._clients.values():
            client.shared = None
        self._last_read_at = time.monotonic()
        while (now := time.monotonic()) - self._last_read_at < _QUIET_S or not self._all_are_answered():
            if now > deadline:
                raise TimeoutError("the clients were not answered, or never left alone")
            self.read(_LOOK_EVERY_S)

    def _all_are_answered(self) -> bool:
        return all(client.is_answered for client in self._clients.values())

    def _freeze(self, count: int) -> None:
        for descriptor in list(self._clients)[len(self._clients) - count + len(self._frozen) :]:
            self._epoll.unregister(descriptor)
            self._frozen.append(self._clients.pop(descriptor))

    def _gone(self, descriptor: int) -> None:
        self._clients.pop(descriptor).socket.close()
        self._cut += 1

    def _all_have(self, last: int) -> bool:
        for shared in self._begun().values():
            shared.look()
            if shared.last < last:
                return False
        return all(
            client.shared and client.position >= client.shared.frames[-1].end for client in self._clients.values()
        )

    def _latency(self) -> Distribution | None:
        """Of every message at everybody who noted the time."""
        seconds: list[float] = []
        for client in self._clients.values():
            frames = self._begun()[client.address].frames
            reads = iter(client.reads or ())
            at_us, position = next(reads, (0, -1))
            for frame in frames:
                while position < frame.end and at_us:
                    at_us, position = next(reads, (0, position))
                if not at_us:
                    break
                seconds += [(at_us - message.published_us) / 1e6 for message in frame.messages]
        return Distribution.of(seconds) if seconds else None

    def _expected(self) -> Audience:
        if self._audience is None:
            raise RuntimeError("nobody has come")
        return self._audience

    def _begun(self) -> dict[Address, SharedStream]:
        if not self._shared:
            raise RuntimeError("nothing has begun")
        return self._shared


def allow_many_files() -> None:
    """As many as this process may have open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
