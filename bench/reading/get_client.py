"""A client of GET that costs little, over one kept connection."""

import asyncio
import zlib
from types import TracebackType
from typing import Final, NamedTuple, Self

from yarl import URL

_HEAD_END: Final = b"\r\n\r\n"
_GZIP: Final = 31  # zlib's window bits for a gzip header
_TIMEOUT_SECONDS: Final = 30.0


class Response(NamedTuple):
    status: int
    head: bytes
    body: bytes

    @property
    def text(self) -> str:
        """The body, uncompressed."""
        is_packed = b"\r\ncontent-encoding: gzip" in self.head
        return (zlib.decompress(self.body, _GZIP) if is_packed else self.body).decode()


class GetClient:
    """Entered with `async with`. Takes gzip where it is offered, as browsers do."""

    def __init__(self, url: str) -> None:
        target = URL(url)
        assert target.host is not None
        assert target.port is not None
        self._address = (target.host, target.port)
        self._tail = f" HTTP/1.1\r\nHost: {target.authority}\r\nAccept-Encoding: gzip\r\n\r\n".encode()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def get(self, path: str) -> Response:
        """`path` with its query, encoded. Raises OSError where no whole answer comes."""
        self._writer.write(b"GET " + path.encode("ascii") + self._tail)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                head = (await self._reader.readuntil(_HEAD_END)).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"{path}: the answer ended after {len(error.partial)} bytes") from None
        return Response(int(head.split(b" ", 2)[1]), head, body)
