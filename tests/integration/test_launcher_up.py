"""`./live up` as a person meets it: ports, locks, Ctrl-C and worse, with stand-ins for our services."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from livestream_local.errors import LauncherError
from livestream_local.paths import ROOT
from livestream_local.ports import Ports, free_base
from livestream_local.stack import find_stack
from tests.support.waiting import wait_until

START_TIMEOUT_S = 90


class Up:
    """A launcher in a process of its own."""

    def __init__(self, port_base: int, data: Path) -> None:
        self.port_base = port_base
        self.data = data
        command = [sys.executable, "-m", "tests.support.stand_in_stack", str(port_base), str(data)]
        self.output = data.parent / f"output-{port_base}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def await_ready(self) -> None:
        def is_open() -> bool:
            assert self.process.poll() is None, self.text()
            return "Open http" in self.text()

        wait_until(is_open, START_TIMEOUT_S, "the stack being up")

    def text(self) -> str:
        return self.output.read_text()

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def launcher(port_base: int, data: Path) -> Iterator[Up]:
    up = Up(port_base, data)
    try:
        yield up
    finally:
        up.process.send_signal(signal.SIGTERM)
        up.process.wait(60)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_up_serves_until_ctrl_c_then_leaves_no_process_and_keeps_the_data(tmp_path: Path) -> None:
    base = free_base()
    data = tmp_path / "data"
    with launcher(base, data) as up:
        up.await_ready()
        family = up.family()
        names = {process.name() for process in family}
        assert {"java", "postgres"} <= names
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(60) == 0
        assert not alive(family)
    assert f"Open http://127.0.0.1:{base}/" in up.text()
    assert (data / "kafka").is_dir()
    assert (data / "postgres").is_dir()


def test_nothing_outlives_a_launcher_that_is_killed_and_the_next_one_starts(tmp_path: Path) -> None:
    base = free_base()
    data = tmp_path / "data"
    with launcher(base, data) as up:
        up.await_ready()
        family = up.family()
        up.process.kill()
        wait_until(lambda: not alive(family), 20, "the end of every process")
    with launcher(base, data) as up:
        up.await_ready()


def test_a_second_stack_on_the_same_data_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    base = free_base()
    with launcher(base, data) as up:
        up.await_ready()
        stack = find_stack(base, data)
        assert stack.web_url == f"http://127.0.0.1:{base}"
        assert stack.pid == up.process.pid
        with pytest.raises(LauncherError, match=f"--port-base {base}, not 1"):
            find_stack(1, data)

        second = Up(free_base(), data)
        assert second.process.wait(30) == 1
        assert "another stack is running" in second.text()
    with pytest.raises(LauncherError, match="no stack is running"):
        find_stack(base, data)


def test_a_busy_port_is_named_with_the_option_that_helps(tmp_path: Path) -> None:
    base = free_base()
    with socket.create_server(("127.0.0.1", Ports.from_base(base).ingest)):
        up = Up(base, tmp_path / "data")
        assert up.process.wait(30) == 1
    assert re.search(rf"port {base + 1} \(ingest\).*--port-base", up.text(), re.DOTALL)


def test_ctrl_c_while_starting_ends_it_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with launcher(free_base(), data) as up:
        family = wait_until(lambda: started_children(up), 30, "the first child")
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(60) == 0
        wait_until(lambda: not alive(family), 20, "the end of every process")


def started_children(up: Up) -> list[psutil.Process]:
    assert up.process.poll() is None, up.text()
    return up.family()
