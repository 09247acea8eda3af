"""Which port is whose, counted from one base so that several stacks can run side by side."""

import errno
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from livestream_local.errors import LauncherError

DEFAULT_BASE = 8080
HIGHEST_PORT = 65535


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


def free_ports() -> Ports:
    """Ports that nothing listened on a moment ago, wherever the system has some."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in Ports.__slots__]
    numbers = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return Ports(*numbers)


def require_free(wanted: Iterable[Mapping[str, int]]) -> None:
    """Raises LauncherError naming every port that something else listens on."""
    busy = [f"{port} ({use})" for each in wanted for use, port in each.items() if not _is_free(port)]
    if busy:
        raise LauncherError(
            f"in use already on 127.0.0.1: port {', '.join(busy)}. "
            "Stop what listens there, or choose other ports with --port-base N."
        )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a run before, in TIME_WAIT, do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LauncherError(
                f"cannot listen on 127.0.0.1:{port}: {error.strerror}. Try another --port-base."
            ) from error
    return True
