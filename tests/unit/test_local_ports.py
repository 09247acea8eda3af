"""Ports are counted from one base, and a busy one is named."""

import socket
import subprocess
import sys

import pytest

from livestream_local.errors import LauncherError
from livestream_local.ports import Ports, free_base, free_ports, require_free


def test_ports_follow_the_base_in_the_contract_s_order() -> None:
    ports = Ports.from_base(9000)
    assert (ports.web, ports.ingest, ports.gateway) == (9000, 9001, 9002)
    others = {ports.projector, ports.kafka, ports.kafka_controller, ports.postgres, ports.redis, ports.auditor}
    assert others == set(range(9003, 9009))


@pytest.mark.parametrize("base", [0, -1, 65529, 70000])
def test_a_base_without_room_is_refused(base: int) -> None:
    with pytest.raises(LauncherError, match=f"--port-base {base}"):
        Ports.from_base(base)


def test_every_busy_port_is_named_with_its_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("0.0.0.0", 0)) as other:
        first, second = one.getsockname()[1], other.getsockname()[1]
        with pytest.raises(LauncherError, match=rf"port {first} \(web\), {second} \(Kafka\).*--port-base"):
            require_free([{"web": first}, {"Kafka": second}])


def test_free_ports_are_free() -> None:
    ports = free_ports()
    require_free([{name: getattr(ports, name)} for name in Ports.__slots__])


def test_nobody_is_given_the_same_ports_twice() -> None:
    """Nor any that lie between them, in this process or another."""
    asked = "from livestream_local.ports import free_base; print(*[free_base() for _ in range(200)]); input()"
    command = [sys.executable, "-c", asked]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        bases = [*map(int, other.stdout.readline().split()), *(free_base() for _ in range(200))]
        other.communicate("\n")
    handed_out = [port for base in bases for port in range(base, base + len(Ports.__slots__))]
    assert len(set(handed_out)) == len(handed_out)
