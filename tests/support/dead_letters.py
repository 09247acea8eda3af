"""Dead letters in tests: making them, running the command, and seeing what becomes of what it sends."""

import json
from pathlib import Path
from typing import Any

from livestream.events import MESSAGES_TOPIC, Event, MessagePosted, encode_event
from livestream.partitioning import partition_of
from livestream.serving import NoEpochError, ServingCopy
from livestream.times import now_ms
from livestream_local.dead_letters.topic import DeadLetterTopic, Entry
from tests.support.kafka_log import KafkaLog
from tests.support.launcher_commands import Finished, run_command
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until_async

PARTITIONS = 12
FOLDED_S = 20


class DeadLetters:
    """The command, and a look at what it shows."""

    def __init__(self, stack: RunningStack, data: Path) -> None:
        self._stack = stack
        self._data = data

    async def run(self, *arguments: str) -> Finished:
        return await run_command(self._stack, self._data, "dead-letters", *arguments)

    async def listed(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """The lines of `list --json`, by record."""
        finished = await self.run("list", "--json", *arguments)
        assert finished.status == 0, finished.errors
        return {line["record"]: line for line in map(json.loads, finished.output.splitlines())}

    async def buried(self, *records: str) -> list[Entry]:
        """Waits until the projector has refused all of `records`."""

        async def found() -> list[Entry]:
            async with DeadLetterTopic(self._stack.kafka_bootstrap_servers) as topic:
                entries = [entry for entry in await topic.standing() if str(entry.coordinates) in records]
                return entries if len(entries) == len(records) else []

        return await wait_until_async(found, FOLDED_S, f"dead letters of {records}")


class Shown:
    """What the serving copy shows; methods wait for it."""

    def __init__(self, serving: ServingCopy) -> None:
        self._serving = serving

    async def count(self, channel: str, messages: int) -> None:
        async def counted() -> bool:
            try:
                _, [row] = await self._serving.names("channels", [channel])
            except NoEpochError:
                return False
            return (row.messages if row else 0) == messages

        await wait_until_async(counted, FOLDED_S, f"{messages} messages in {channel}")

    async def text(self, channel: str, text: str) -> None:
        """A message of the channel has this text, perhaps after an edit."""

        async def found() -> bool:
            messages = (await self._serving.windows(messages=1_000)).messages
            return any(m.channel == channel and json.loads(m.json)["text"] == text for m in messages)

        await wait_until_async(found, FOLDED_S, f"{text!r} in {channel}")

    async def users_passed(self, offset: int) -> None:
        """Every partition has passed by this record of `users.v1`."""

        async def passed() -> bool:
            positions = (await self._serving.windows(messages=0)).stand.positions
            return all(users > offset for _, users in positions.values())

        await wait_until_async(passed, FOLDED_S, f"users.v1 up to {offset}")


def right_partition(channel: str) -> int:
    return partition_of(channel, PARTITIONS)


def wrong_partition(channel: str) -> int:
    return (partition_of(channel, PARTITIONS) + 1) % PARTITIONS


def post(channel: str, id_: str = "1", text: str = "hello", ahead_ms: int = 0) -> MessagePosted:
    return MessagePosted(channel, id_, f"user of {channel}", text, now_ms() + ahead_ms)


async def misplace(log: KafkaLog, event: Event, channel: str, **headers: bytes) -> str:
    """Appends to a partition where the channel does not belong; returns the record."""
    return await append(log, encode_event(event), wrong_partition(channel), **headers)


async def append(log: KafkaLog, value: bytes, partition: int, **headers: bytes) -> str:
    """Returns the record as the command names it."""
    offset = await log.append_raw(value, partition, list(headers.items()))
    return f"{MESSAGES_TOPIC}/{partition}/{offset}"
