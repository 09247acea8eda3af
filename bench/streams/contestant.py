"""What is measured, seen from outside: servers that send to all who watch what is published."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from bench.streams.watchers import Address
from livestream.deltas import MessageRow


class Publish(Protocol):
    """Returns when the rows are published."""

    async def __call__(self, rows: Sequence[MessageRow]) -> None: ...


class Server(NamedTuple):
    """A contestant that runs. `cuts_alike`: it sends the same chunks to all (`watchers.Audience`).

    `position` is how it names where its stream is now, if it lets clients return to that.
    """

    pids: Sequence[int]
    addresses: Sequence[Address]
    request: bytes
    publish: Publish
    cuts_alike: bool
    is_gzip: bool = False
    position: Callable[[], str] | None = None


class Contestant(Protocol):
    """`envelope_bytes`: what an event takes on the wire beside the message's own JSON, some bytes more or less."""

    @property
    def name(self) -> str: ...

    @property
    def envelope_bytes(self) -> int: ...

    def running(
        self, cores: Collection[int], broker_cores: Collection[int], folder: Path
    ) -> AbstractAsyncContextManager[Server]:
        """A fresh one on its cores. Where it needs a broker, that runs on cores of its own and is not its cost."""
        ...


def get_request(path: str, address: Address, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {address[0]}:{address[1]}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
