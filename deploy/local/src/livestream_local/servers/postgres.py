"""PostgreSQL from zonky's binaries, listening on 127.0.0.1 only, run as an unprivileged user."""

import os
import signal
import tarfile
import zipfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import psutil

from livestream_local import maven
from livestream_local.errors import LauncherError
from livestream_local.file_lock import held
from livestream_local.program import Launch
from livestream_local.servers.data_directory import create_once
from livestream_local.servers.platform_binaries import SUPPORTED, this_platform
from livestream_local.servers.probe import postgres_answers
from livestream_local.servers.tool import run_tool
from livestream_local.servers.unprivileged import User, unprivileged_user

VERSION = "18.6.0"
ARTIFACTS = tuple(f"io.zonky.test.postgres:embedded-postgres-binaries-{each}:{VERSION}" for each in SUPPORTED)
LOCK = resources.files(__package__) / "postgres.lock"

USER = "livestream"
DATABASE = "livestream"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    # Several instances of each service, each with a pool, beside whoever looks in by hand.
    "max_connections": "200",
    # The log of writes may grow this far between checkpoints: bulk loads would otherwise checkpoint all the time.
    "max_wal_size": "2GB",
    "log_checkpoints": "off",
    "timezone": "UTC",
}


class Postgres:
    name = "postgres"

    def __init__(self, data: Path, port: int, cache: Path) -> None:
        self._directory = data / "postgres"
        self._port = port
        self._cache = cache
        self.url = f"postgresql://{USER}@127.0.0.1:{port}/{DATABASE}"

    @property
    def ports(self) -> Mapping[str, int]:
        return {"Postgres": self._port}

    def prepare(self) -> Launch:
        binaries = install_binaries(self._cache)
        user = self._user()
        create_once(self._directory, lambda directory: _create_cluster(binaries, directory, user))
        _remove_stale_pid_file(self._directory)
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        return Launch(
            [binaries / "postgres", "-D", self._directory, "-p", str(self._port), *options],
            privileges=user.command,
            # "Fast" and "immediate" shutdown: the other signals wait for clients, or leave its children behind.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
        )

    async def is_ready(self) -> bool:
        return await postgres_answers(self.url)

    def _user(self) -> User:
        user = unprivileged_user()
        owner = self._directory.stat().st_uid if self._directory.exists() else user.uid
        if owner != user.uid:
            raise LauncherError(
                f"{self._directory} belongs to user {owner}, and Postgres would run as user {user.uid}. "
                f"Start as the user that made it, choose another --data, or: chown -R {user.uid} {self._directory}"
            )
        return user


def install_binaries(cache: Path) -> Path:
    """Unpacks this platform's build once and returns the folder of its programs."""
    coordinates = f"io.zonky.test.postgres:embedded-postgres-binaries-{this_platform()}:{VERSION}"
    locked = [artifact for artifact in maven.read_lock(LOCK) if artifact.coordinates == coordinates]
    target = cache / f"postgres-{VERSION}-{this_platform()}-{locked[0].sha256[:12]}"
    with held(cache / "unpacking.lock"):
        create_once(target, lambda directory: _unpack(maven.fetch(locked, cache)[0], directory))
    return target / "bin"


def _unpack(jar: Path, directory: Path) -> None:
    with zipfile.ZipFile(jar) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".txz"))
        with archive.open(name) as compressed, tarfile.open(fileobj=compressed, mode="r:xz") as tar:
            # Python 3.11 has this filter from 3.11.4 on; what is unpacked was checked against the lock anyway.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            tar.extractall(directory)  # noqa: S202 (see above)


def _create_cluster(binaries: Path, directory: Path, user: User) -> None:
    os.chown(directory, user.uid, user.gid)
    initdb: list[str | Path] = [
        binaries / "initdb",
        *("-D", str(directory), "-U", USER, "--no-instructions"),
        # Only this machine reaches it, as with the other embedded servers.
        "--auth=trust",
        # Byte order and Unicode rules that are the same on every platform and never change under an index.
        *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    ]
    run_tool("making Postgres's data", initdb, privileges=user.command)
    create = f"CREATE DATABASE {DATABASE};\n"
    alone: list[str | Path] = [binaries / "postgres", "--single", "-D", directory, "postgres"]
    run_tool("making Postgres's database", alone, privileges=user.command, input_text=create)


def _remove_stale_pid_file(directory: Path) -> None:
    """After a kill, the pid in postmaster.pid may by now be another program's, and Postgres would refuse to start."""
    pid_file = directory / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0])
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        command = []
    if str(directory) not in command:
        pid_file.unlink()
