"""One measurement: so many messages a second for so long, to all who watch one server."""

import asyncio
import time
from typing import Final, NamedTuple

from bench.streams.contestant import Server
from bench.streams.crowd import Crowd
from bench.streams.marked_chat import MarkedChat
from bench.streams.marks import now_us
from bench.streams.watchers import Report, Watchers
from bench.support.cpu import cpu_seconds

# Above that rate messages come in batches, as the projector's are.
_BATCHES_PER_SECOND: Final = 50
# Who has not delivered everything by then is overloaded, and is taken by what came until then.
_GRACE_S: Final = 1.0
# Enough for a percentile, few enough to cost nothing.
_TIMED_CLIENTS: Final = 50


class Load(NamedTuple):
    """`frame_bytes`: how long the event of one message is on the wire; None: messages are what people write."""

    per_second: int
    seconds: float
    frame_bytes: int | None = None

    @property
    def messages(self) -> int:
        return round(self.per_second * self.seconds)


class Measured(NamedTuple):
    """`seconds` and both processors' times are from the first message until all was delivered, or time was up."""

    report: Report
    offered: int
    seconds: float
    server_cpu_s: float

    @property
    def messages_per_cpu_second(self) -> float:
        return self.report.messages / self.server_cpu_s

    @property
    def frames_per_cpu_second(self) -> float:
        return self.report.frames / self.server_cpu_s

    @property
    def mb_per_cpu_second(self) -> float:
        return self.report.bytes / self.server_cpu_s / 1e6

    @property
    def delivered_share(self) -> float:
        """Of all messages to all clients."""
        return self.report.messages / self.offered

    @property
    def is_right(self) -> bool:
        """All in order and nobody told anything else; but for an overloaded one, which is behind or cuts, complete."""
        return self.report.is_in_order and not self.report.different


async def measure(
    server: Server, crowd: Crowd, chat: MarkedChat, load: Load, clients: int, envelope_bytes: int
) -> Measured:
    """`clients` of those who came read what is published."""
    row_bytes = None if load.frame_bytes is None else load.frame_bytes - envelope_bytes
    await crowd.ask(Watchers.begin, chat.last + 1, _TIMED_CLIENTS)
    started, cpu_before = time.monotonic(), _cpu_of(server)
    await _publish(server, chat, load, row_bytes)
    await crowd.ask(Watchers.finish, chat.last, _GRACE_S)
    seconds, cpu = time.monotonic() - started, _cpu_of(server) - cpu_before
    report = await crowd.ask(Watchers.report)
    return Measured(report, load.messages * clients, seconds, cpu)


async def _publish(server: Server, chat: MarkedChat, load: Load, row_bytes: int | None) -> None:
    """At a steady rate. A server that takes messages more slowly gets fewer, and each waits from when it was due."""
    per_batch = max(load.per_second // _BATCHES_PER_SECOND, 1)
    interval_s = per_batch / load.per_second
    started, started_us = time.monotonic(), now_us()
    for number in range(round(load.seconds / interval_s)):
        due_s = number * interval_s
        await asyncio.sleep(started + due_s - time.monotonic())
        if time.monotonic() > started + load.seconds:
            return
        await server.publish(chat.rows(per_batch, started_us + round(due_s * 1e6), row_bytes))


def _cpu_of(server: Server) -> float:
    return sum(cpu_seconds(pid) for pid in server.pids)
