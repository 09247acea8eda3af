"""Our own services as programs: each runs as `python -m PACKAGE` and says on /readyz whether it serves."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from livestream_local.program import Launch
from livestream_local.servers.probe import PROBE_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Service:
    """One process of a service, listening on `port`, and on `shared_port` together with others.

    `environment` is its configuration beside HOST, PORT and SHARED_PORT.
    """

    name: str
    module: str
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    # A gateway lets its streams end at spread-out moments, so that clients do not all come back at once.
    stop_timeout_s: float = 20
    shared_port: int | None = None

    @property
    def ports(self) -> Mapping[str, int]:
        own = {self.name: self.port}
        return own if self.shared_port is None else {**own, f"{self.name}, shared": self.shared_port}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> Launch:
        environment = {**self.environment, "HOST": "127.0.0.1", "PORT": str(self.port)}
        if self.shared_port is not None:
            environment["SHARED_PORT"] = str(self.shared_port)
        return Launch([sys.executable, "-m", self.module], environment, stop_timeout_s=self.stop_timeout_s)

    async def is_ready(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
