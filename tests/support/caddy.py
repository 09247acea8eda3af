"""Caddy with the configuration that is deployed, in front of a stack."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from livestream_local.on_demand import tool
from livestream_local.paths import ROOT
from livestream_local.ports import free_ports
from livestream_local.program import Launch
from livestream_local.servers.probe import PROBE_TIMEOUT_S
from tests.support.stacks import RunningStack
from tests.support.supervised import Supervised

CONFIGURATION = ROOT / "deploy/caddy/Caddyfile"
NAME = "caddy"


class Origin(NamedTuple):
    """Where the proxy serves: pages and streams at two of them, ingest at the third."""

    http_url: str
    https_url: str
    ingest_url: str


class Caddy:
    """As a program. Its certificates and their authority live in `data`, and no machine is told to trust them."""

    name = NAME

    def __init__(self, stack: RunningStack, data: Path) -> None:
        ports = free_ports()
        self._data = data
        self._ports = {"HTTP_PORT": ports.web, "HTTPS_PORT": ports.gateway, "INGEST_HTTP_PORT": ports.ingest}
        self._behind = {"GATEWAY": stack.ports.gateway, "WEB": stack.ports.web, "INGEST": stack.ports.ingest}
        self.origin = Origin(
            f"http://localhost:{ports.web}", f"https://localhost:{ports.gateway}", f"http://localhost:{ports.ingest}"
        )

    @property
    def ports(self) -> Mapping[str, int]:
        return self._ports

    def prepare(self) -> Launch:
        environment = {name: str(port) for name, port in self._ports.items()}
        for service, port in self._behind.items():
            environment |= {f"{service}_NAME": "localhost", f"{service}_PORT": str(port)}
        environment |= {"XDG_DATA_HOME": str(self._data), "XDG_CONFIG_HOME": str(self._data)}
        return Launch([tool("caddy"), "run", "--adapter", "caddyfile", "--config", CONFIGURATION], environment)

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)) as session,
                session.get(f"{self.origin.https_url}/livez", ssl=unchecked()) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def unchecked() -> ssl.SSLContext:
    """For a certificate whose authority nobody here knows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def caddy(stack: RunningStack, data: Path) -> Iterator[Origin]:
    program = Caddy(stack, data)
    with Supervised([[program]], data / "logs"):
        yield program.origin
