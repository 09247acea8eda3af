"""Fixtures: real Kafka, Postgres and Valkey, and pieces of them that a test has to itself."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psycopg
import pytest

from livestream_local.plan import plan_servers
from livestream_local.ports import free_ports
from livestream_local.servers.valkey import Valkey
from tests.support.supervised import Supervised

BACKENDS = ("embedded", "containers")


class RunningServers(Protocol):
    """Three servers that a test may disturb. Their names are `kafka`, `postgres` and `valkey`."""

    kafka_bootstrap_servers: str
    database_url: str
    redis_url: str

    @property
    def environment(self) -> dict[str, str]:
        """As services read it."""

    def __contains__(self, name: str) -> bool: ...

    def is_ready(self, name: str) -> bool: ...

    def kill(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def start(self, name: str) -> None: ...

    def restart(self, name: str) -> None: ...

    def pause(self, name: str) -> None: ...

    def resume(self, name: str) -> None: ...


class EmbeddedServers(Supervised):
    """The launcher's own embedded servers, on free ports."""

    def __init__(self, data: Path) -> None:
        servers = plan_servers(free_ports(), data, environment={})
        super().__init__([servers.embedded], data / "logs")
        self.kafka_bootstrap_servers = servers.kafka_bootstrap_servers
        self.database_url = servers.database_url
        self.redis_url = servers.redis_url
        self.environment = servers.environment


StartServers = Callable[[Path], AbstractContextManager[RunningServers]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        choices=BACKENDS,
        default="embedded",
        help="where Kafka, Postgres and Valkey come from (containers: testcontainers, which needs a Docker engine)",
    )


@pytest.fixture(scope="session")
def start_servers(pytestconfig: pytest.Config) -> StartServers:
    """Starts three servers of one's own, with data in the folder given; for tests that break them."""
    if pytestconfig.getoption("backend") == "containers":
        from tests.support.containers import ContainerServers

        return lambda _data: ContainerServers()
    return EmbeddedServers


@pytest.fixture(scope="session")
def servers(start_servers: StartServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """Three servers that the whole run shares: use names of your own in them, and leave them running."""
    with start_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_bootstrap_servers(servers: RunningServers) -> str:
    return servers.kafka_bootstrap_servers


@pytest.fixture
def unique() -> str:
    """A short name that no other test has, for topics, consumer groups, channels and users.

    It begins with a letter that no number has: a text search would split `9e8bc1` after the number 9e8.
    """
    return f"u{uuid.uuid4().hex[:11]}"


@pytest.fixture(scope="session")
def new_database(servers: RunningServers) -> Iterator[Callable[[], str]]:
    """Makes an empty database at each call and returns its URL; all are dropped at the end."""
    admin_url = urlsplit(servers.database_url)._replace(path="/postgres").geturl()
    with ExitStack() as cleanup:

        def create() -> str:
            name = f"test_{uuid.uuid4().hex[:12]}"
            _execute(admin_url, f"CREATE DATABASE {name}")
            cleanup.callback(_execute, admin_url, f"DROP DATABASE {name} WITH (FORCE)")
            return urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()

        yield create


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """An empty database for this test alone."""
    return new_database()


@pytest.fixture(scope="module")
def redis_url(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey for this module alone, since functions and the run id belong to a whole server."""
    if pytestconfig.getoption("backend") == "containers":
        from tests.support.containers import ContainerValkey

        with ContainerValkey() as container:
            yield container.url
    else:
        data = tmp_path_factory.mktemp("valkey")
        valkey = Valkey(data, free_ports().redis)
        with Supervised([[valkey]], data / "logs"):
            yield valkey.url


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
