"""Many clients of streams in one test: cheap enough for a thousand, each with a socket of its own."""

import asyncio
import resource
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple, Self
from urllib.parse import quote, urlsplit

import msgspec

from livestream.cursor import Cursor
from livestream.frames import View
from livestream_auditor.sse import EventParser
from tests.support.chat_model import Chat
from tests.support.folding_client import FoldingClient
from tests.support.recorded_stream import END_OF_HEAD, Chunks
from tests.support.waiting import wait_until_async

CONNECTIONS_AT_ONCE = 100
CROWD_TIMEOUT_S = 30


class Frame(NamedTuple):
    """A snapshot or a delta with the position that it completes. `data` is the same object for all who were told it."""

    event: str
    data: dict[str, Any]
    id: str


class Viewer(asyncio.Protocol):
    """A client of one view, that may come back."""

    def __init__(self, view: View, decode: Callable[[str], dict[str, Any]] = msgspec.json.decode) -> None:
        self.view = view
        self.frames: list[Frame] = []
        self.states: list[str] = []
        self.status_code = 0  # of the present connection; 0 while nothing was answered
        self.retry_ms: int | None = None
        self.connections = 0
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.ended_at = 0.0
        # `answered`: the present connection has brought an event, or has ended; `ended`: there is none.
        self._decode = decode
        self._parser = EventParser()
        self._chunks = Chunks()
        self._head: bytes | None = b""
        self._transport: asyncio.Transport | None = None

    @property
    def position(self) -> Cursor | None:
        return Cursor.parse(self._parser.last_event_id)

    @property
    def socket(self) -> socket.socket:
        """For what one does to a connection beside reading it."""
        assert self._transport
        found: socket.socket = self._transport.get_extra_info("socket")
        return found

    async def come(self, url: str, receive_buffer_bytes: int | None = None) -> None:
        """Connect, and go on from where it stands. Raises OSError where nobody listens."""
        self._head, self.status_code, self.retry_ms = b"", 0, None
        self._parser, self._chunks = EventParser(self._parser.last_event_id), Chunks()
        self.answered.clear()
        address = urlsplit(url)
        connecting = socket.socket()
        if receive_buffer_bytes:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connecting.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(connecting, (address.hostname, address.port))
        except BaseException:
            connecting.close()
            raise
        self.ended.clear()
        self._transport, _ = await loop.create_connection(lambda: self, sock=connecting)
        self.connections += 1
        claim = f"Last-Event-ID: {self._parser.last_event_id}\r\n" if self._parser.last_event_id else ""
        request = f"GET /v1/streams/{path_of(self.view)} HTTP/1.1\r\nHost: {address.netloc}\r\n{claim}\r\n"
        self._transport.write(request.encode())

    def freeze(self) -> None:
        """Read no more."""
        assert self._transport
        self._transport.pause_reading()

    def thaw(self) -> None:
        assert self._transport
        self._transport.resume_reading()

    def leave(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            head, end, data = (self._head + data).partition(END_OF_HEAD)
            self._head = None if end else head
            if not end:
                return
            self.status_code = int(head.split(b" ", 2)[1])
        if self.status_code != 200:
            return
        for event in self._parser.feed(self._chunks.feed(data)):
            self.answered.set()
            content = self._decode(event.data)
            if event.event == "status":
                self.states.append(content["state"])
            else:
                self.frames.append(Frame(event.event, content, event.id))
        self.retry_ms = self._parser.retry_ms

    def connection_lost(self, _: Exception | None) -> None:
        self.ended_at = asyncio.get_running_loop().time()
        self.ended.set()
        self.answered.set()

    def folded(self, check: Callable[[FoldingClient, Cursor], None]) -> FoldingClient:
        """Fold all frames again, with a look at what is shown at every position. Positions rise."""
        before = -1
        client = FoldingClient(self.view)
        for frame in self.frames:
            client.apply(frame.event, frame.data)
            cursor = Cursor.parse(frame.id)
            assert cursor
            assert cursor.sequence > before
            before = cursor.sequence
            check(client, cursor)
        return client


class Crowd:
    """Viewers of some views, in turn. `async with` lets them leave at the end."""

    def __init__(self, views: Sequence[View], count: int) -> None:
        self._decoded: dict[str, dict[str, Any]] = {}
        self.viewers = [Viewer(views[number % len(views)], self._decode) for number in range(count)]

    async def __aenter__(self) -> Self:
        _allow_many_sockets()
        return self

    async def __aexit__(self, *_: object) -> None:
        for viewer in self.viewers:
            viewer.leave()

    async def come(self, url: str) -> None:
        for start in range(0, len(self.viewers), CONNECTIONS_AT_ONCE):
            some = self.viewers[start : start + CONNECTIONS_AT_ONCE]
            await asyncio.gather(*(viewer.come(url) for viewer in some))

    def of(self, view: View) -> list[Viewer]:
        return [viewer for viewer in self.viewers if viewer.view == view]

    async def reach(self, cursor: Cursor) -> None:
        """Until every one is complete up to a cursor."""
        await reached(self.viewers, cursor)

    def _decode(self, data: str) -> dict[str, Any]:
        """All are told the same bytes: they are read once, and kept once."""
        found = self._decoded.get(data)
        if found is None:
            found = self._decoded[data] = msgspec.json.decode(data)
        return found


async def reached(viewers: Iterable[Viewer], cursor: Cursor) -> None:
    """Until all of them are complete up to a cursor."""
    waiting = list(viewers)

    async def all_are_there() -> bool:
        waiting[:] = [viewer for viewer in waiting if viewer.position != cursor]
        return not waiting

    await wait_until_async(all_are_there, CROWD_TIMEOUT_S, f"everybody's arrival at {cursor}")


def holds_to(states: Sequence[Chat], view: View) -> Callable[[FoldingClient, Cursor], None]:
    """A check for `Viewer.folded`: at every position the view is what the model was then."""

    @cache
    def expected(sequence: int) -> dict[str, Any]:
        return states[sequence].expected(view)

    def check(client: FoldingClient, cursor: Cursor) -> None:
        assert client.window() == expected(cursor.sequence), cursor

    return check


def path_of(view: View) -> str:
    kind, slash, name = str(view).partition("/")
    return kind + slash + quote(name, safe="")


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
