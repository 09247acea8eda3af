"""`--backend containers`: the same three servers from their official images, through testcontainers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from testcontainers.core.container import DockerContainer

from livestream_local.ports import free_ports
from livestream_local.servers.probe import kafka_answers, postgres_answers, redis_answers
from tests.support.waiting import wait_until

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
VALKEY_IMAGE = "valkey/valkey:9"
READY_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class _Container:
    container: DockerContainer
    answers: Callable[[], Awaitable[bool]]


class ContainerServers:
    """Kafka, Postgres and Valkey in containers, each on a port of this machine that outlives its restarts."""

    def __init__(self) -> None:
        ports = free_ports()
        self.kafka_bootstrap_servers = f"127.0.0.1:{ports.kafka}"
        self.database_url = f"postgresql://livestream@127.0.0.1:{ports.postgres}/livestream"
        self.redis_url = f"redis://127.0.0.1:{ports.redis}/0"
        self._containers = {
            "kafka": _Container(_kafka(ports.kafka), lambda: kafka_answers(self.kafka_bootstrap_servers)),
            "postgres": _Container(_postgres(ports.postgres), lambda: postgres_answers(self.database_url)),
            "valkey": _Container(_valkey(ports.redis), lambda: redis_answers(self.redis_url)),
        }
        self._cleanup = ExitStack()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            for each in self._containers.values():
                cleanup.enter_context(each.container)
            for name in self._containers:
                self._await_ready(name)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def __contains__(self, name: str) -> bool:
        return name in self._containers

    def is_ready(self, name: str) -> bool:
        async def ask() -> bool:
            return await self._containers[name].answers()

        return asyncio.run(ask())

    def kill(self, name: str) -> None:
        """A power cut, and power again."""
        self._containers[name].container.get_wrapped_container().kill()
        self.start(name)

    def stop(self, name: str) -> None:
        self._containers[name].container.get_wrapped_container().stop()

    def start(self, name: str) -> None:
        self._containers[name].container.get_wrapped_container().start()
        self._await_ready(name)

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def pause(self, name: str) -> None:
        self._containers[name].container.get_wrapped_container().pause()

    def resume(self, name: str) -> None:
        self._containers[name].container.get_wrapped_container().unpause()

    def _await_ready(self, name: str) -> None:
        wait_until(lambda: self.is_ready(name), READY_TIMEOUT_S, f"{name} in its container being ready")


class ContainerValkey:
    """One more Valkey, for a test module that wants it to itself."""

    def __init__(self) -> None:
        port = free_ports().redis
        self.url = f"redis://127.0.0.1:{port}/0"
        self._container = _valkey(port)

    def __enter__(self) -> Self:
        self._container.start()
        wait_until(lambda: asyncio.run(redis_answers(self.url)), READY_TIMEOUT_S, "valkey in its container being ready")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._container.stop()


def _kafka(port: int) -> DockerContainer:
    settings = {
        "PROCESS_ROLES": "broker,controller",
        "NODE_ID": "1",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "MESSAGE_MAX_BYTES": str(2 * 1024 * 1024),
    }
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in settings.items():
        container = container.with_env(f"KAFKA_{name}", value)
    return container


def _postgres(port: int) -> DockerContainer:
    return (
        DockerContainer(POSTGRES_IMAGE)
        .with_bind_ports(5432, port)
        .with_env("POSTGRES_USER", "livestream")
        .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_env(
            "POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
        )
    )


def _valkey(port: int) -> DockerContainer:
    return DockerContainer(VALKEY_IMAGE).with_bind_ports(6379, port).with_command("valkey-server --save ''")
