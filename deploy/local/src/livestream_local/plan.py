"""Composes a stack: which servers are embedded, which services run, and what each is told of the others."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from livestream_local.maven import Progress
from livestream_local.paths import CACHE
from livestream_local.ports import Ports
from livestream_local.program import Program
from livestream_local.servers.kafka import Kafka
from livestream_local.servers.postgres import Postgres
from livestream_local.servers.valkey import Valkey
from livestream_local.services import Service


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the three servers are, and the ones among them that we run ourselves."""

    kafka_bootstrap_servers: str
    database_url: str
    redis_url: str
    embedded: Sequence[Program]

    @property
    def environment(self) -> dict[str, str]:
        """As every service reads it."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
        }


def plan_servers(
    ports: Ports,
    data: Path,
    environment: Mapping[str, str] = os.environ,
    progress: Progress = lambda _done, _all: None,
) -> Servers:
    """Embeds each server that `environment` does not name."""
    kafka = Kafka(data, ports.kafka, ports.kafka_controller, CACHE / "maven", progress)
    postgres = Postgres(data, ports.postgres, CACHE / "maven")
    valkey = Valkey(data, ports.redis)
    embeddable: dict[str, Program] = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": postgres,
        "REDIS_URL": valkey,
    }
    return Servers(
        kafka_bootstrap_servers=environment.get("KAFKA_BOOTSTRAP_SERVERS") or kafka.bootstrap_servers,
        database_url=environment.get("DATABASE_URL") or postgres.url,
        redis_url=environment.get("REDIS_URL") or valkey.url,
        embedded=[program for variable, program in embeddable.items() if not environment.get(variable)],
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """How many processes of each service run. One auditor is enough."""

    projectors: int = 1
    ingests: int = 1
    gateways: int = 1
    webs: int = 1


def plan_services(
    ports: Ports, servers: Servers, scale: Scale | None = None, further: Iterator[int] | None = None
) -> list[Service]:
    """One process of each service, or as many as `scale` says.

    Several of one that people connect to share its port, and have ports of their own beside it: for health and metrics.
    Those are taken from `further`, as are those of further projectors; by default from ten above the first one on.
    """
    scale, further = scale or Scale(), further or ports.further()
    shared = servers.environment
    ingest = Service("ingest", "livestream_ingest", ports.ingest, shared)
    gateway = Service("gateway", "livestream_gateway", ports.gateway, {**shared, "WEB_ORIGINS": f":{ports.web}"})
    web = Service("web", "livestream_web", ports.web, {**shared, "STREAM_URL": f":{ports.gateway}"})
    auditor = {**shared, "AUDIT_STREAM_URL": f"http://127.0.0.1:{ports.gateway}"}
    return [
        Service("projector", "livestream_projector", ports.projector, shared),
        *(
            Service(f"projector-{number}", "livestream_projector", next(further), shared)
            for number in range(2, scale.projectors + 1)
        ),
        *_sharing_its_port(ingest, scale.ingests, further),
        *_sharing_its_port(gateway, scale.gateways, further),
        *_sharing_its_port(web, scale.webs, further),
        Service("auditor", "livestream_auditor", ports.auditor, auditor),
    ]


def _sharing_its_port(service: Service, count: int, further: Iterator[int]) -> list[Service]:
    if count == 1:
        return [service]
    names = [service.name, *(f"{service.name}-{number}" for number in range(2, count + 1))]
    return [replace(service, name=name, port=next(further), shared_port=service.port) for name in names]
