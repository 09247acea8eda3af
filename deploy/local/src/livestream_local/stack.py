"""A running stack as other commands see it: they read `stack.json` in its data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from livestream_auditor.verify.verification import Addresses
from livestream_local.errors import LauncherError
from livestream_local.paths import DEFAULT_DATA
from livestream_local.ports import Ports

STACK_FILE = "stack.json"
LOCK_FILE = "lock"


class Stack(msgspec.Struct, frozen=True):
    """Where everything is, and the launcher's own pid."""

    web_url: str
    ingest_url: str
    stream_url: str
    kafka_bootstrap_servers: str
    database_url: str
    redis_url: str
    port_base: int
    data: str
    pid: int

    @property
    def addresses(self) -> Addresses:
        """What a verification compares."""
        return Addresses(self.kafka_bootstrap_servers, self.database_url, self.redis_url, self.stream_url)


def find_stack(port_base: int | None = None, data: Path = DEFAULT_DATA) -> Stack:
    """The stack that runs on `data`, at `port_base` where one is given.

    Raises LauncherError if none does.
    """
    hint = "Start one with ./live up or ./live demo, or name its folder with --data."
    if not _is_locked(data / LOCK_FILE):
        raise LauncherError(f"no stack is running on {data}. {hint}")
    try:
        stack = msgspec.json.decode((data / STACK_FILE).read_bytes(), type=Stack)
    except FileNotFoundError:
        raise LauncherError(f"the stack on {data} is starting or stopping. Try again in a moment.") from None
    if port_base is not None and stack.port_base != port_base:
        raise LauncherError(f"the stack on {data} runs at --port-base {stack.port_base}, not {port_base}. {hint}")
    return stack


@contextmanager
def exclusive(data: Path) -> Iterator[None]:
    """Holds `data` for one stack, as long as this process lives. Raises LauncherError if another has it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LauncherError(
            f"cannot keep data in {data}: {error.strerror}. Name another folder with --data DIR."
        ) from None
    with (data / LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LauncherError(
                f"another stack is running on {data}. Stop it first, or give this one a folder (and ports) of its own "
                "with --data DIR --port-base N."
            ) from None
        (data / STACK_FILE).unlink(missing_ok=True)  # of a stack that was killed
        yield


@contextmanager
def published(stack: Stack) -> Iterator[None]:
    """Tells other commands of a stack that is ready, until it no longer is."""
    path = Path(stack.data) / STACK_FILE
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(stack)))
    unfinished.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def describe(ports: Ports, data: Path, servers: dict[str, str]) -> Stack:
    """The stack of this process, with the servers' addresses as its services know them."""
    return Stack(
        web_url=f"http://127.0.0.1:{ports.web}",
        ingest_url=f"http://127.0.0.1:{ports.ingest}",
        stream_url=f"http://127.0.0.1:{ports.gateway}",
        kafka_bootstrap_servers=servers["KAFKA_BOOTSTRAP_SERVERS"],
        database_url=servers["DATABASE_URL"],
        redis_url=servers["REDIS_URL"],
        port_base=ports.web,
        data=str(data),
        pid=os.getpid(),
    )


def _is_locked(path: Path) -> bool:
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
