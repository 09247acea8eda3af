"""What a stack consists of, and what its services are told."""

from pathlib import Path

from livestream_local.plan import Scale, plan_servers, plan_services
from livestream_local.ports import Ports

PORTS = Ports.from_base(9000)


def test_everything_is_embedded_where_nothing_is_given() -> None:
    servers = plan_servers(PORTS, Path("data"), environment={})
    assert [program.name for program in servers.embedded] == ["kafka", "postgres", "valkey"]
    assert servers.environment == {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9004",
        "DATABASE_URL": "postgresql://livestream@127.0.0.1:9006/livestream",
        "REDIS_URL": "redis://127.0.0.1:9007/0",
    }


def test_a_server_that_is_given_is_used_and_not_embedded() -> None:
    given = {"DATABASE_URL": "postgresql://db.example/chat", "REDIS_URL": ""}
    servers = plan_servers(PORTS, Path("data"), environment=given)
    assert [program.name for program in servers.embedded] == ["kafka", "valkey"]
    assert servers.database_url == "postgresql://db.example/chat"
    assert servers.redis_url == "redis://127.0.0.1:9007/0"


def test_services_listen_where_the_contract_says_and_know_of_one_another() -> None:
    servers = plan_servers(PORTS, Path("data"), environment={})
    services = {service.name: service for service in plan_services(PORTS, servers)}
    assert {name: service.port for name, service in services.items()} == {
        "web": 9000,
        "ingest": 9001,
        "gateway": 9002,
        "projector": 9003,
        "auditor": 9008,
    }
    assert services["web"].environment["STREAM_URL"] == ":9002"
    assert services["gateway"].environment["WEB_ORIGINS"] == ":9000"
    assert services["auditor"].environment["AUDIT_STREAM_URL"] == "http://127.0.0.1:9002"
    for service in services.values():
        assert servers.environment.items() <= service.environment.items()
        launch = service.prepare()
        assert launch.environment["HOST"] == "127.0.0.1"
        assert launch.environment["PORT"] == str(service.port)


def test_several_of_one_share_its_port_and_answer_for_themselves_on_others() -> None:
    servers = plan_servers(PORTS, Path("data"), environment={})
    services = plan_services(PORTS, servers, Scale(projectors=3, ingests=2, gateways=2))
    assert {service.name: (service.port, service.shared_port) for service in services} == {
        "projector": (9003, None),
        "projector-2": (9010, None),
        "projector-3": (9011, None),
        "ingest": (9012, 9001),
        "ingest-2": (9013, 9001),
        "gateway": (9014, 9002),
        "gateway-2": (9015, 9002),
        "web": (9000, None),
        "auditor": (9008, None),
    }
    told = {service.name: service.prepare().environment for service in services}
    assert {environment.get("SHARED_PORT") for environment in told.values()} == {None, "9001", "9002"}
    assert told["gateway-2"]["PORT"] == "9015"
    assert told["gateway-2"]["WEB_ORIGINS"] == ":9000"
    assert told["web"]["STREAM_URL"] == ":9002"
    taken = [port for service in services for port in service.ports.values()]
    assert {9001, 9002, 9012, 9015} <= set(taken)
