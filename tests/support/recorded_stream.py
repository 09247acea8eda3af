"""A stream as it comes over the wire, byte by byte, and what a client has made of a part of it when it is cut."""

import asyncio
import copy
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from livestream.cursor import Cursor
from livestream.frames import View
from livestream_auditor.sse import EventParser
from tests.support.folding_client import FoldingClient

END_OF_HEAD = b"\r\n\r\n"
READ_TIMEOUT_S = 20


class Chunks:
    """Takes the content out of a chunked body (RFC 9112, section 7.1), in any pieces and as soon as it is there."""

    def __init__(self) -> None:
        self._rest = b""
        self._left = 0  # of a chunk that has begun, with the line end behind it

    def feed(self, piece: bytes) -> bytes:
        self._rest += piece
        content = b""
        while self._rest:
            if not self._left:
                size, line_end, rest = self._rest.partition(b"\r\n")
                if not line_end:
                    break
                self._left, self._rest = int(size, 16) + len(line_end), rest
            part = self._rest[: self._left]
            content += part[: max(self._left - len(b"\r\n"), 0)]
            self._left, self._rest = self._left - len(part), self._rest[len(part) :]
        return content


class Held(NamedTuple):
    """What a client returns with, and what it shows meanwhile. `frames` counts what was applied to get there."""

    last_event_id: str
    frames: int
    views: dict[str, FoldingClient]


class WireClient:
    """A client of one HTTP/1.1 response, from its first byte on: head, chunks, gzip, events, views."""

    def __init__(self, views: Sequence[View]) -> None:
        self._head: bytes | None = b""
        self._chunks = Chunks()
        self._inflate: zlib._Decompress | None = None
        self._parser = EventParser()
        self.views = {str(view): FoldingClient(view) for view in views}
        self._frames = 0
        self.state = ""

    @property
    def position(self) -> Cursor | None:
        return Cursor.parse(self._parser.last_event_id)

    @property
    def key(self) -> tuple[str, int]:
        """The same for clients that hold the same and return with the same."""
        return self._parser.last_event_id, self._frames

    def held(self) -> Held:
        return Held(*self.key, copy.deepcopy(self.views))

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        if self._head is not None:
            head, end, piece = (self._head + piece).partition(END_OF_HEAD)
            self._head = None if end else head
            if not end:
                return
            assert b"Transfer-Encoding: chunked" in head
            self._inflate = zlib.decompressobj(31) if b"Content-Encoding: gzip" in head else None
        content = self._chunks.feed(piece)
        for event in self._parser.feed(self._inflate.decompress(content) if self._inflate else content):
            data = msgspec.json.decode(event.data)
            if event.event == "status":
                self.state = data["state"]
            else:
                self.views[data["view"]].apply(event.event, data)
                self._frames += 1


class Recording:
    """Everything that a gateway sends to one client, while it is sent."""

    def __init__(self, views: Sequence[View]) -> None:
        self.content = b""
        self.client = WireClient(views)
        self._views = views
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, url: str, encoding: str) -> None:
        host = urlsplit(url).netloc
        self._reader, self._writer = await asyncio.open_connection(*host.split(":"))
        query = urlencode([("view", str(view)) for view in self._views])
        self._writer.write(
            f"GET /v1/streams?{query} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: {encoding}\r\n\r\n".encode()
        )

    async def reach(self, cursor: Cursor) -> None:
        """Record until the client is complete up to a cursor."""
        await self._until(lambda: self.client.position == cursor)

    async def hear(self, state: str) -> None:
        """Record until a status has said this."""
        await self._until(lambda: self.client.state == state)

    async def _until(self, condition: Callable[[], bool]) -> None:
        assert self._reader
        async with asyncio.timeout(READ_TIMEOUT_S):
            while not condition():
                piece = await self._reader.read(65_536)
                assert piece, "the stream has ended"
                self.content += piece
                self.client.feed(piece)

    async def end(self) -> None:
        if self._writer:
            self._writer.close()
            await self._writer.wait_closed()

    def cuts(self) -> Iterator[WireClient]:
        """The client after no byte, after one, and so on to the last; one object that moves on."""
        client = WireClient(self._views)
        yield client
        for at in range(len(self.content)):
            client.feed(self.content[at : at + 1])
            yield client
