"""Requests as bytes: what no client library would send."""

import asyncio
from typing import NamedTuple

_TIMEOUT_S = 20
_ENOUGH_BYTES = 64 * 1024


class RawAnswer(NamedTuple):
    """`head` is everything before the body, without the status line; `body` may be cut."""

    status: int
    head: bytes
    body: bytes

    @property
    def is_problem(self) -> bool:
        return b"content-type: application/problem+json" in self.head.lower()


def raw_request(method: bytes, path: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """`headers` as they go over the wire, one a line; the connection is closed after the answer."""
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Connection: close", *headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


async def ask(port: int, request: bytes) -> RawAnswer:
    """The answer; of one that does not end, what came until there was enough."""
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            body = b""
            if b"text/event-stream" in head:
                while b"\nid: " not in body:
                    body += await reader.read(_ENOUGH_BYTES)
            else:
                body = await reader.read()
        finally:
            writer.close()
    status_line, _, rest = head.partition(b"\r\n")
    return RawAnswer(int(status_line.split()[1]), rest, body)
