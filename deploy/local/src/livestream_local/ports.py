"""Which port is whose, counted from one base so that several stacks can run side by side."""

import atexit
import errno
import itertools
import random
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from livestream_local.errors import LauncherError

DEFAULT_BASE = 8080
HIGHEST_PORT = 65535

# Above what people's own programs use, below where systems take the ports of outgoing connections from.
_HANDED_OUT = (10_000, 32_000)


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one stack, all on 127.0.0.1."""

    web: int
    ingest: int
    gateway: int
    projector: int
    kafka: int
    kafka_controller: int
    postgres: int
    redis: int
    auditor: int

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """Web at `base`, the others in the order of the fields above."""
        count = len(cls.__slots__)
        if not 1 <= base <= HIGHEST_PORT - count + 1:
            raise LauncherError(f"--port-base {base}: expected a number from 1 to {HIGHEST_PORT - count + 1}")
        return cls(*range(base, base + count))

    def further(self) -> Iterator[int]:
        """Ports for more than these, from ten above the first one on."""
        return itertools.count(self.web + len(self.__slots__) + 1)


def free_base() -> int:
    """The base of ports that are free, and that nobody else is given here for as long as this process lives.

    Raises LauncherError where there are none.
    """
    bases = range(*_HANDED_OUT, len(Ports.__slots__) + 1)
    for base in random.sample(bases, len(bases)):
        try:
            # Bound for as long as this process lives, it tells others that the ports before it are taken.
            guard = _bound(base + len(Ports.__slots__), shared=False)
        except OSError:
            continue  # another process has taken these, or is about to
        if all(_is_free(base + offset) for offset in range(len(Ports.__slots__))):
            atexit.register(guard.close)
            return base
        guard.close()
    raise LauncherError(f"found no {len(Ports.__slots__)} free ports next to one another on 127.0.0.1")


def free_ports() -> Ports:
    """Ports counted from a `free_base`."""
    return Ports.from_base(free_base())


def require_free(wanted: Iterable[Mapping[str, int]]) -> None:
    """Raises LauncherError naming every port that something else listens on."""
    busy = [f"{port} ({use})" for each in wanted for use, port in each.items() if not _is_free(port)]
    if busy:
        raise LauncherError(
            f"in use already on 127.0.0.1: port {', '.join(busy)}. "
            "Stop what listens there, or choose other ports with --port-base N."
        )


def _is_free(port: int) -> bool:
    try:
        # As servers do: connections of a run before, in TIME_WAIT, do not count.
        _bound(port, shared=True).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise LauncherError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}. Try another --port-base.") from error
    return True


def _bound(port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(shared))
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
