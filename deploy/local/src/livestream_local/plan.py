"""Composes a stack: which servers are embedded, which services run, and what each is told of the others."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def plan_services(ports: Ports, servers: Servers) -> list[Service]:
    """One instance of each service."""
    shared = servers.environment
    return [
        Service("projector", "livestream_projector", ports.projector, shared),
        Service("ingest", "livestream_ingest", ports.ingest, shared),
        Service("gateway", "livestream_gateway", ports.gateway, {**shared, "WEB_ORIGINS": f":{ports.web}"}),
        Service("web", "livestream_web", ports.web, {**shared, "STREAM_URL": f":{ports.gateway}"}),
        Service(
            "auditor",
            "livestream_auditor",
            ports.auditor,
            {**shared, "AUDIT_STREAM_URL": f"http://127.0.0.1:{ports.gateway}"},
        ),
    ]
