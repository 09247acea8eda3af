"""Fixtures: whole stacks, servers and services, through the launcher's own supervisor."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from livestream_auditor.verify.verification import Addresses
from livestream_local.plan import Scale, Servers, plan_services
from livestream_local.ports import Ports, free_ports
from livestream_local.stack import Stack, describe
from tests.support.failpoints import Failpoints
from tests.support.servers import RunningServers, StartServers
from tests.support.supervised import Supervised

PROJECTOR = "livestream_projector"


class RunningStack:
    """A stack of one's own. Programs go by the names `kafka postgres valkey projector ingest gateway web auditor`.

    Where there are several, the others are `projector-2` and so on.
    """

    def __init__(self, ports: Ports, servers: RunningServers, services: Supervised, failpoints: Failpoints) -> None:
        self.failpoints = failpoints
        self.ports = ports
        self.servers = servers
        self.services = services
        self.web_url = f"http://127.0.0.1:{ports.web}"
        self.ingest_url = f"http://127.0.0.1:{ports.ingest}"
        self.stream_url = f"http://127.0.0.1:{ports.gateway}"
        self.kafka_bootstrap_servers = servers.kafka_bootstrap_servers
        self.database_url = servers.database_url
        self.redis_url = servers.redis_url

    @property
    def addresses(self) -> Addresses:
        """What a verification compares."""
        return Addresses(self.kafka_bootstrap_servers, self.database_url, self.redis_url, self.stream_url)

    def kill(self, name: str) -> None:
        """SIGKILL; it is started again after a moment."""
        self._of(name).kill(name)

    def stop(self, name: str) -> None:
        """An orderly end; it stays away until `start`."""
        self._of(name).stop(name)

    def start(self, name: str) -> None:
        """Starts what was stopped, and returns when it is ready; does nothing to what was not."""
        self._of(name).start(name)

    def restart(self, name: str) -> None:
        self._of(name).restart(name)

    def pause(self, name: str) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._of(name).pause(name)

    def resume(self, name: str) -> None:
        self._of(name).resume(name)

    def is_ready(self, name: str) -> bool:
        return self._of(name).is_ready(name)

    def url(self, name: str) -> str:
        """Where one process of a service answers for itself."""
        (port, *_) = self.services.program(name).ports.values()
        return f"http://127.0.0.1:{port}"

    def log(self, name: str) -> str:
        """What a service has written."""
        return self.services.log(name)

    def _of(self, name: str) -> "RunningServers | Supervised":
        return self.servers if name in self.servers else self.services


def described(stack: RunningStack, data: Path) -> Stack:
    """As commands find it, that speak to a running stack."""
    return describe(stack.ports, data, stack.servers.environment)


SERVING = ("projector", "ingest", "gateway", "web")


class StartStack:
    """Starts stacks with fresh servers; each is stopped when its context ends."""

    def __init__(self, start_servers: StartServers, new_folder: Callable[[], Path]) -> None:
        self._start_servers = start_servers
        self._new_folder = new_folder

    def __call__(
        self,
        environment: Mapping[str, str] | None = None,
        only: Sequence[str] | None = None,
        scale: Scale | None = None,
    ) -> AbstractContextManager[RunningStack]:
        """`environment` is added to every service's; `only` names the services to run, by default all that serve.

        The auditor runs where it is named: what most tests do to a stack is not what it should look at.
        """
        return self._running(environment or {}, only, scale or Scale())

    @contextmanager
    def _running(
        self, environment: Mapping[str, str], only: Sequence[str] | None, scale: Scale
    ) -> Iterator[RunningStack]:
        data = self._new_folder()
        failpoints = Failpoints(data / "failpoints")
        ports = free_ports()
        with self._start_servers(data) as servers:
            addresses = Servers(servers.kafka_bootstrap_servers, servers.database_url, servers.redis_url, embedded=())
            further = (free_ports().web for _ in itertools.count())
            planned = plan_services(ports, addresses, scale, further)
            services = [
                replace(each, environment={**each.environment, **own, **environment})
                for each in planned
                if each.name.partition("-")[0] in (only or SERVING)
                for own in [failpoints.environment(each.name) if each.module == PROJECTOR else {}]
            ]
            with Supervised([services], data / "logs") as supervised:
                yield RunningStack(ports, servers, supervised, failpoints)


@pytest.fixture(scope="session")
def start_stack(start_servers: StartServers, tmp_path_factory: pytest.TempPathFactory) -> StartStack:
    """For tests that want a stack with other settings, or several: `with start_stack() as stack:`."""
    return StartStack(start_servers, lambda: tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    """A whole stack on fresh servers, shared by one module."""
    with start_stack() as running:
        yield running
