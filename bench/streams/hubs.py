"""Hubs that people use for the same: built here from the modules in bench/peers/, where there is Go."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import aiohttp

from bench.streams.contestant import Server, get_request
from bench.streams.process import running
from livestream.deltas import MessageRow
from livestream_local.paths import CACHE, ROOT
from livestream_local.ports import free_ports

_MODULES: Final = ROOT / "bench/peers"
_BUILT: Final = CACHE / "peers"
_BUILD_TIMEOUT_S: Final = 900  # hundreds of packages, on a machine that has none of them yet
_HOST: Final = "127.0.0.1"
_CHANNEL: Final = "frames"
# Enough for all that is published while they are measured: at their default of 1 MiB they would cut clients that they
# themselves have no time for, and no figure would be left to compare.
_QUEUE_BYTES: Final = 2**30
_CONNECT: Final = '{"id":1,"connect":{}}'
_SUBSCRIBE: Final = json.dumps({"id": 2, "subscribe": {"channel": _CHANNEL}}, separators=(",", ":"))
_NO_PINGS: Final = "24h"


class Peer(NamedTuple):
    """A server of Go. `arguments` are those at an address; `body` puts rows into one request to publish."""

    name: str
    version: str
    module: str
    package: str
    envelope_bytes: int
    path: str
    publish_path: str
    arguments: Callable[[str, int, Path], Sequence[str]]
    body: Callable[[Sequence[MessageRow]], bytes]

    @asynccontextmanager
    async def running(
        self, cores: Collection[int], broker_cores: Collection[int], folder: Path
    ) -> AsyncIterator[Server]:
        """It needs no broker."""
        del broker_cores
        port = free_ports().gateway
        url = f"http://{_HOST}:{port}"
        command: list[str | Path] = [build(self), *self.arguments(_HOST, port, folder)]
        async with (
            aiohttp.ClientSession() as session,
            running(command, cores, folder / f"{self.module}-{port}.log", lambda: _answers(session, url)) as pid,
        ):

            async def publish(rows: Sequence[MessageRow]) -> None:
                async with session.post(url + self.publish_path, data=self.body(rows)) as answer:
                    answer.raise_for_status()
                    await answer.read()

            address = (_HOST, port)
            yield Server([pid], [address], get_request(self.path, address), publish, cuts_alike=False)


def go_version() -> str | None:
    """As Go tells it; None where it is not here."""
    if shutil.which("go") is None:
        return None
    answer = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def build(peer: Peer) -> Path:
    """The program, which is built where it is missing or older than its module. Needs Go and its proxy."""
    program, module = _BUILT / peer.module, _MODULES / peer.module
    sources = [path.stat().st_mtime for path in module.iterdir()]
    if not program.exists() or program.stat().st_mtime < max(sources):
        _BUILT.mkdir(parents=True, exist_ok=True)
        command = ["go", "build", "-mod=readonly", "-o", str(program), peer.package]
        subprocess.run(command, cwd=module, env=os.environ, check=True, timeout=_BUILD_TIMEOUT_S)
    return program


def _lines(rows: Sequence[MessageRow]) -> bytes:
    return "\n".join(row.json for row in rows).encode()


def _centrifugo_commands(rows: Sequence[MessageRow]) -> bytes:
    publications = ",".join(f'{{"publish":{{"channel":"{_CHANNEL}","data":{row.json}}}}}' for row in rows)
    return f'{{"commands":[{publications}]}}'.encode()


def _centrifugo_arguments(host: str, port: int, folder: Path) -> Sequence[str]:
    settings = {
        "address": host,
        "port": port,
        "sse": True,
        "api_insecure": True,
        "allow_anonymous_connect_without_token": True,
        "allow_subscribe_for_client": True,
        "allow_subscribe_for_anonymous": True,
        "client_queue_max_size": _QUEUE_BYTES,
        "ping_interval": _NO_PINGS,
        "log_level": "error",
    }
    config = folder / f"centrifugo-{port}.json"
    config.write_text(json.dumps(settings))
    return ["--config", str(config)]


def _centrifuge_arguments(host: str, port: int, _: Path) -> Sequence[str]:
    return ["-listen", f"{host}:{port}", "-queue-bytes", str(_QUEUE_BYTES)]


def _batched_arguments(host: str, port: int, folder: Path) -> Sequence[str]:
    return [*_centrifuge_arguments(host, port, folder), "-write-delay", "250ms"]


CENTRIFUGO: Final = Peer(
    name="Centrifugo",
    version="5.4.9",
    module="centrifugo",
    package="github.com/centrifugal/centrifugo/v5",
    envelope_bytes=57,
    path="/connection/sse?cf_connect=" + quote(f"{_CONNECT}\n{_SUBSCRIBE}"),
    publish_path="/api/batch",
    arguments=_centrifugo_arguments,
    body=_centrifugo_commands,
)
CENTRIFUGE: Final = Peer(
    name="centrifuge",
    version="0.40.1",
    module="centrifuge",
    package=".",
    envelope_bytes=57,
    path="/stream?cf_connect=" + quote(_CONNECT),
    publish_path="/publish",
    arguments=_centrifuge_arguments,
    body=_lines,
)
BATCHED_CENTRIFUGE: Final = CENTRIFUGE._replace(name="centrifuge, batched", arguments=_batched_arguments)
MERCURE: Final = Peer(
    name="Mercure",
    version="0.23.2",
    module="mercure",
    package=".",
    envelope_bytes=58,
    path="/.well-known/mercure?topic=" + _CHANNEL,
    publish_path="/publish",
    arguments=lambda host, port, _: ["-listen", f"{host}:{port}"],
    body=_lines,
)
PEERS: Final = (CENTRIFUGO, CENTRIFUGE, MERCURE)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status > 0
    except aiohttp.ClientError:
        return False
