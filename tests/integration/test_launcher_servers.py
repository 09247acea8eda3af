"""The embedded servers: their data outlives stops, kills and moves."""

import asyncio
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis import asyncio as redis

from livestream_local.paths import CACHE
from livestream_local.ports import free_ports
from livestream_local.program import Program
from livestream_local.servers.kafka import MAX_RECORD_BATCH_BYTES, Kafka
from livestream_local.servers.postgres import Postgres
from livestream_local.servers.valkey import Valkey
from tests.support.supervised import Supervised
from tests.support.waiting import wait_until

MAVEN = CACHE / "maven"


def run_kafka(data: Path) -> tuple[Kafka, Supervised]:
    ports = free_ports()
    kafka = Kafka(data, ports.kafka, ports.kafka_controller, MAVEN)
    return kafka, Supervised([[kafka]], data / "logs")


def run_postgres(data: Path) -> tuple[Postgres, Supervised]:
    postgres = Postgres(data, free_ports().postgres, MAVEN)
    return postgres, Supervised([[postgres]], data / "logs")


def kill_and_await_return(running: Supervised, name: str) -> None:
    before = running.pid(name)
    running.kill(name)
    wait_until(lambda: running.pid(name) not in (None, before) and running.is_ready(name), 60, f"{name} being back")


async def create_topic(bootstrap_servers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    await admin.close()


async def produce(bootstrap_servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_request_size=MAX_RECORD_BATCH_BYTES
    ) as producer:
        await producer.send_and_wait(topic, value)


async def read_values(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    async with consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        async with asyncio.timeout(30):
            return [(await consumer.getone()).value for _ in range(count)]


async def test_kafka_keeps_its_log_through_a_kill_and_at_other_ports(tmp_path: Path) -> None:
    kafka, running = run_kafka(tmp_path)
    large = b"x" * (1024 * 1024)
    with running:
        await create_topic(kafka.bootstrap_servers, "kept")
        await produce(kafka.bootstrap_servers, "kept", b"before")
        await asyncio.to_thread(kill_and_await_return, running, "kafka")
        await produce(kafka.bootstrap_servers, "kept", large)

    elsewhere, running = run_kafka(tmp_path)
    with running:
        assert await read_values(elsewhere.bootstrap_servers, "kept", 2) == [b"before", large]


async def test_kafka_makes_no_topic_by_itself(kafka_bootstrap_servers: str, unique: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap_servers)
    await admin.start()
    try:
        await admin.describe_topics([unique])
        assert unique not in await admin.list_topics()
    finally:
        await admin.close()


async def test_postgres_keeps_its_rows_through_a_kill_and_a_stop(tmp_path: Path) -> None:
    postgres, running = run_postgres(tmp_path)
    with running:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute("CREATE TABLE kept (text text)")
        await connection.execute("INSERT INTO kept VALUES ('ж 漢 🎈')")
        connection.terminate()
        await asyncio.to_thread(kill_and_await_return, running, "postgres")
        running.restart("postgres")
        connection = await asyncpg.connect(postgres.url)
        assert await connection.fetchval("SELECT text FROM kept") == "ж 漢 🎈"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        await connection.close()


def test_postgres_starts_over_a_pid_file_that_names_another_program(tmp_path: Path) -> None:
    _, running = run_postgres(tmp_path)
    with running:
        pid_file = tmp_path / "postgres/postmaster.pid"
        stale = pid_file.read_text().replace(str(running.pid("postgres")), str(psutil.Process().pid), 1)
    pid_file.write_text(stale)
    _, running = run_postgres(tmp_path)
    with running:
        assert running.is_ready("postgres")


def test_servers_work_in_a_private_folder_of_any_name(tmp_path: Path) -> None:
    private = tmp_path / "Ünï 漢 🎈"
    private.mkdir(mode=0o700)
    ports = free_ports()
    kafka = Kafka(private, ports.kafka, ports.kafka_controller, MAVEN)
    programs: list[Program] = [kafka, Postgres(private, ports.postgres, MAVEN), Valkey(private, ports.redis)]
    with Supervised([programs], private / "logs") as running:
        for program in programs:
            assert running.is_ready(program.name)


async def test_valkey_is_a_server_of_its_own_that_keeps_nothing(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path, free_ports().redis)
    with Supervised([[valkey]], tmp_path / "logs") as running:
        async with redis.Redis.from_url(valkey.url) as client:
            await client.set("key", "value")
            run_id = (await client.info("server"))["run_id"]
        running.restart("valkey")
        async with redis.Redis.from_url(valkey.url) as client:
            assert await client.get("key") is None
            assert (await client.info("server"))["run_id"] != run_id


@pytest.mark.parametrize("name", ["kafka", "postgres", "valkey"])
def test_stopping_leaves_no_process(tmp_path: Path, name: str) -> None:
    ports = free_ports()
    programs: dict[str, Program] = {
        "kafka": Kafka(tmp_path, ports.kafka, ports.kafka_controller, MAVEN),
        "postgres": Postgres(tmp_path, ports.postgres, MAVEN),
        "valkey": Valkey(tmp_path, ports.redis),
    }
    with Supervised([[programs[name]]], tmp_path / "logs") as running:
        pid = running.pid(name)
        assert pid is not None
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert not [process for process in family if process.is_running()]
