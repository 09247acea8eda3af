"""A gateway as a process of its own, as `./live up` runs it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from aiohttp import ClientSession

from livestream_local.ports import free_ports
from livestream_local.services import Service
from tests.support.metrics import metric
from tests.support.supervised import Supervised

NAME = "gateway"


class GatewayProcess:
    """Methods that speak to the process block; `metric` does not."""

    def __init__(self, port: int, supervised: Supervised) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._supervised = supervised

    @property
    def process(self) -> psutil.Process:
        pid = self._supervised.pid(NAME)
        assert pid, "the gateway does not run"
        return psutil.Process(pid)

    @property
    def resident_bytes(self) -> int:
        return int(self.process.memory_info().rss)

    def pause(self) -> None:
        self._supervised.pause(NAME)

    def resume(self) -> None:
        self._supervised.resume(NAME)

    def stop(self) -> None:
        """SIGTERM; returns when it is gone."""
        self._supervised.stop(NAME)

    def start(self) -> None:
        self._supervised.start(NAME)

    def log(self) -> str:
        return self._supervised.log(NAME)

    async def metric(self, session: ClientSession, name: str, **labels: str) -> float:
        """The sum of a metric over all labels but these."""
        return await metric(session, self.url, name, **labels)


@contextmanager
def gateway_process(
    redis_url: str, database_url: str, data: Path, environment: Mapping[str, str] | None = None
) -> Iterator[GatewayProcess]:
    """`environment` is added to its settings. It has as long to stop as it likes: tests measure that."""
    port = free_ports().gateway
    settings = {"REDIS_URL": redis_url, "DATABASE_URL": database_url, **(environment or {})}
    service = Service(NAME, "livestream_gateway", port, settings, stop_timeout_s=60)
    with Supervised([[service]], data / "logs") as supervised:
        yield GatewayProcess(port, supervised)
