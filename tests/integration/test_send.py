"""`./live send` against a real ingest and a real log."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from livestream.events import MESSAGES_TOPIC
from livestream_local.chat.generator import generate
from livestream_local.chat.posting import play
from livestream_local.ports import free_ports
from livestream_local.services import Service
from tests.support.ingest import read_log
from tests.support.supervised import Supervised
from tests.support.waiting import wait_until_async


class Ingest:
    def __init__(self, kafka_bootstrap_servers: str, folder: Path) -> None:
        settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers}
        self._service = Service("ingest", "livestream_ingest", free_ports().ingest, settings)
        self.supervised = Supervised([[self._service]], folder / "logs")
        self.kafka_bootstrap_servers = kafka_bootstrap_servers
        self.url = self._service.url

    async def logged(self, channel_prefix: str) -> dict[str, list[dict[str, Any]]]:
        """What is on the log of these channels, in order."""
        found: dict[str, list[dict[str, Any]]] = {}
        for record in await read_log(self.kafka_bootstrap_servers, MESSAGES_TOPIC):
            channel = record.event.get("channel", "")
            if channel.startswith(channel_prefix):
                found.setdefault(channel, []).append(record.event)
        return found


@pytest.fixture(scope="module")
def ingest(kafka_bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingest]:
    ingest = Ingest(kafka_bootstrap_servers, tmp_path_factory.mktemp("ingest"))
    with ingest.supervised:
        yield ingest


def start_sending(ingest: Ingest, *arguments: str | Path, **streams: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "livestream_local", "send", *map(str, arguments), "--to", ingest.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **streams,
    )


def send(ingest: Ingest, *arguments: str | Path) -> tuple[int, str]:
    with start_sending(ingest, *arguments) as process:
        output, _ = process.communicate(timeout=60)
    return process.returncode, output


def lines(prefix: str, count: int, channels: int = 3, *, ids: bool = True) -> list[bytes]:
    return [
        json.dumps(
            {
                **({"id": f"{prefix}-{number}"} if ids else {}),
                "channel": f"{prefix}-{number % channels}",
                "user": "u",
                "text": f"{number}",
                "ts": "2026-01-01T00:00:00Z",
            }
        ).encode()
        for number in range(count)
    ]


async def test_a_gzipped_file_arrives_whole_and_in_order(ingest: Ingest, tmp_path: Path, unique: str) -> None:
    path = tmp_path / "messages.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines(unique, 25_000))))
    status, output = send(ingest, path)
    assert status == 0, output
    assert "25,000 accepted" in output
    logged = await ingest.logged(unique)
    assert {channel: len(events) for channel, events in logged.items()} == {
        f"{unique}-0": 8334,
        f"{unique}-1": 8333,
        f"{unique}-2": 8333,
    }
    for events in logged.values():
        numbers = [int(event["text"]) for event in events]
        assert numbers == sorted(numbers)


async def test_bad_lines_are_named_and_the_others_arrive(ingest: Ingest, tmp_path: Path, unique: str) -> None:
    path = tmp_path / "messages.ndjson"
    good = lines(unique, 3)
    path.write_bytes(b"\n".join([good[0], b"", b'{"channel":"c"}', good[1], b"{", b"x" * 70_000, good[2]]))
    status, output = send(ingest, path)
    assert status == 1
    assert "3 accepted, 3 refused" in output
    assert "refused: line 3, user: is required" in output
    assert "refused: line 5: " in output
    assert "refused: line 6: " in output
    assert sum(len(events) for events in (await ingest.logged(unique)).values()) == 3


async def test_standard_input_is_sent_as_it_comes(ingest: Ingest, unique: str) -> None:
    with start_sending(ingest, "-", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for number, line in enumerate(lines(unique, 3, channels=1), 1):
            process.stdin.write(line.decode() + "\n")
            process.stdin.flush()

            async def arrived(number: int = number) -> bool:
                return len((await ingest.logged(unique)).get(f"{unique}-0", ())) == number

            await wait_until_async(arrived, 20, f"line {number} on the log")
        process.stdin.close()
        assert process.wait(20) == 0


async def test_a_rate_is_kept(ingest: Ingest, tmp_path: Path, unique: str) -> None:
    path = tmp_path / "messages.ndjson"
    path.write_bytes(b"\n".join(lines(unique, 300)))
    started = time.monotonic()
    status, output = send(ingest, path, "--rate", "200")
    assert status == 0, output
    assert time.monotonic() - started >= 1.4, "the last of 15 chunks is due after 1.4 s"


async def test_what_is_sent_while_ingest_dies_arrives_once(ingest: Ingest, tmp_path: Path, unique: str) -> None:
    """Lines without an id, some of them in a request that broke: they are sent again under the ids they got."""
    path = tmp_path / "messages.ndjson"
    path.write_bytes(b"\n".join(lines(unique, 3000, channels=1, ids=False)))
    with start_sending(ingest, path, "--rate", "1000") as process:

        async def under_way() -> bool:
            return len((await ingest.logged(unique)).get(f"{unique}-0", ())) > 300

        await wait_until_async(under_way, 20, "the first lines on the log")
        ingest.supervised.kill("ingest")
        output, _ = await asyncio.to_thread(process.communicate, timeout=90)
    assert process.returncode == 0, output
    assert "trying again" in output
    texts = {event["id"]: event["text"] for event in (await ingest.logged(unique))[f"{unique}-0"]}
    assert sorted(texts.values(), key=int) == [str(number) for number in range(3000)]


async def test_ctrl_c_tells_how_far_it_came(ingest: Ingest, tmp_path: Path, unique: str) -> None:
    path = tmp_path / "messages.ndjson"
    path.write_bytes(b"\n".join(lines(unique, 5000, channels=1)))
    with start_sending(ingest, path, "--rate", "100") as process:

        async def under_way() -> bool:
            return bool(await ingest.logged(unique))

        await wait_until_async(under_way, 20, "the first lines on the log")
        os.kill(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    sent = len((await ingest.logged(unique))[f"{unique}-0"])
    assert f"interrupted: every line up to {sent} was answered" in output


async def test_generated_chat_is_accepted_as_it_is(ingest: Ingest) -> None:
    said = list(islice(generate(seed=11, rate=2000), 500))
    await play(said, ingest.url)
    # Others' tests write to this log too, and not only posts.
    logged = [event for events in (await ingest.logged("#")).values() for event in events if "user" in event]
    for utterance in said:
        assert any(
            (event["channel"], event["user"], event["text"]) == (utterance.channel, utterance.user, utterance.text)
            for event in logged
        )


async def test_the_chat_player_ends_when_it_is_told_to(ingest: Ingest) -> None:
    command = [sys.executable, "-m", "livestream_local.chat", "--to", ingest.url, "--rate", "50", "--seed", "12"]
    before = sum(len(events) for events in (await ingest.logged("#")).values())
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)

    async def under_way() -> bool:
        return sum(len(events) for events in (await ingest.logged("#")).values()) > before

    await wait_until_async(under_way, 20, "chat on the log")
    process.terminate()
    _, log = await asyncio.wait_for(process.communicate(), timeout=20)
    assert process.returncode == 0
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["chat_starting"]


def test_rate_and_speed_exclude_each_other(ingest: Ingest) -> None:
    status, output = send(ingest, __file__, "--rate", "1", "--speed", "1")
    assert status == 2
    assert "exclude each other" in output


def test_without_a_stack_it_says_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "livestream_local", "send", __file__, "--data", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "no stack is running" in result.stderr
