"""The supervisor: what dies comes back, what cannot start says why, and order is kept."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from livestream_local import keeper
from livestream_local.errors import LauncherError
from livestream_local.paths import ROOT
from livestream_local.ports import free_ports
from livestream_local.services import Service
from livestream_local.supervisor import Supervisor
from tests.support.waiting import wait_until_async


class Recorder:
    """A report that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.explanations: list[str] = []

    def starting(self, name: str) -> None:
        self.events.append(("starting", name))

    def ready(self, name: str, after_s: float) -> None:
        assert after_s >= 0
        self.events.append(("ready", name))

    def slow(self, name: str, after_s: float, last_word: str) -> None:
        assert after_s > 0
        self.events.append(("slow", name))
        self.explanations.append(last_word)

    def died(self, name: str, how: str, again_in_s: float) -> None:
        assert again_in_s > 0
        self.events.append(("died", name))
        self.explanations.append(how)

    def failed_again(self, name: str, why: str, again_in_s: float) -> None:
        assert again_in_s > 0
        self.events.append(("failed again", name))
        self.explanations.append(why)

    def stopped(self, name: str) -> None:
        self.events.append(("stopped", name))


def stand_in(name: str, port: int, **environment: str) -> Service:
    return Service(name, "tests.support.stand_in", port, {"PYTHONPATH": str(ROOT), **environment})


async def test_what_dies_is_started_again(tmp_path: Path) -> None:
    report = Recorder()
    service = stand_in("one", free_ports().web)
    supervisor = Supervisor([[service]], tmp_path, report)
    await supervisor.start()
    try:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{service.url}/exit/3")
        await wait_until_async(lambda: was_ready(report, times=2))
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        await wait_until_async(lambda: was_ready(report, times=3))
    finally:
        await supervisor.stop()
    assert report.explanations == ["exit status 3", "signal SIGKILL"]


async def test_what_takes_long_is_told_with_its_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SLOW_S", 0.1)
    report = Recorder()
    service = stand_in("one", free_ports().web, STAND_IN_AWAITS="the tide")
    starting = asyncio.create_task(Supervisor([[service]], tmp_path, report).start())
    await wait_until_async(lambda: has_said(report, "waiting for the tide"))
    starting.cancel()
    await asyncio.wait([starting])
    assert report.events[:2] == [("starting", "one"), ("slow", "one")]


async def has_said(report: Recorder, word: str) -> bool:
    return word in report.explanations


async def was_ready(report: Recorder, times: int) -> bool:
    return report.events.count(("ready", "one")) == times


async def test_what_cannot_start_ends_the_start_with_its_own_words(tmp_path: Path) -> None:
    ports = free_ports()
    report = Recorder()
    refuses = stand_in("two", ports.ingest, STAND_IN_REFUSES="PORT: expected a prime")
    supervisor = Supervisor([[stand_in("one", ports.web)], [refuses]], tmp_path, report)
    with pytest.raises(LauncherError, match=r"two ended at its start \(exit status 1\)[\s\S]*PORT: expected a prime"):
        await supervisor.start()
    assert supervisor.pids == {}
    assert ("stopped", "one") in report.events


async def test_what_does_not_come_back_is_tried_again(tmp_path: Path) -> None:
    service = stand_in("one", free_ports().web)
    report = Recorder()
    supervisor = Supervisor([[service]], tmp_path, report)
    await supervisor.start()
    try:
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        await wait_until_async(lambda: has_event(report, ("died", "one")))
        # Its port is taken before it is started again.
        intruder = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", service.port)
        async with intruder:
            await wait_until_async(lambda: has_event(report, ("failed again", "one")))
        await wait_until_async(lambda: was_ready(report, times=2))
    finally:
        await supervisor.stop()
    assert any("address already in use" in why for why in report.explanations)


async def has_event(report: Recorder, event: tuple[str, str]) -> bool:
    return event in report.events


async def test_starting_what_runs_already_changes_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor([[stand_in("one", free_ports().web)]], tmp_path, Recorder())
    await supervisor.start()
    try:
        before = supervisor.pids
        await supervisor.keeper("one").start()
        assert supervisor.pids == before
    finally:
        await supervisor.stop()


async def test_stages_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    ports = free_ports()
    report = Recorder()
    stages = [[stand_in("server", ports.web)], [stand_in("service", ports.ingest)]]
    supervisor = Supervisor(stages, tmp_path, report)
    await supervisor.start()
    await supervisor.stop()
    assert report.events == [
        ("starting", "server"),
        ("ready", "server"),
        ("starting", "service"),
        ("ready", "service"),
        ("stopped", "service"),
        ("stopped", "server"),
    ]
