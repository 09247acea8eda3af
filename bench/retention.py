"""What dropping history costs, against what folding it did.

`./live bench retention` posts a past of three days to a stack of its own that keeps one day. --record keeps the figures
in docs/benchmarks.md.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import asyncpg
import click
from aiokafka.client import AIOKafkaClient

from bench.support.chat_fill import DirectProducer, past_of_a_channel
from bench.support.docs import record
from bench.support.machine import describe_machine, describe_servers
from bench.support.stack import running_stack
from livestream.events import MESSAGES_TOPIC
from livestream.retention import DAY_MS
from livestream.topic_configs import alter_topic
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

CHANNELS: Final = 20
USERS: Final = 10_000

_DAYS_AGO: Final = 3
_POLL_SECONDS: Final = 0.1
_MOST_SECONDS: Final = 300.0
_FOLDED: Final = "SELECT sum(messages) FROM partitions"
_LEFT: Final = "SELECT count(*) FROM messages"


class Outcome(NamedTuple):
    """Seconds that it took to fold all messages from the log, and to drop them."""

    messages: int
    fold_s: float
    drop_s: float
    counted: int

    @property
    def share(self) -> float:
        return self.drop_s / self.fold_s


@click.command()
@click.option("--messages", type=click.IntRange(1_000), default=300_000, show_default=True)
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, messages: int, is_recorded: bool) -> None:
    """Measure how long it takes to drop history."""
    os.environ["RETENTION_DAYS"] = "1"
    try:
        with running_stack(None, None) as stack:
            outcome = asyncio.run(measure(stack, messages))
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    click.echo(_summary(outcome))
    if is_recorded:
        record("retention", _markdown(outcome, servers))
    sys.exit(0 if outcome.counted == messages else 1)


async def measure(stack: Stack, messages: int) -> Outcome:
    await _take_times_from_producers(stack)
    producer = DirectProducer(stack.kafka_bootstrap_servers, age_ms=_DAYS_AGO * DAY_MS)
    connection = await asyncpg.connect(stack.database_url)
    try:
        begun_at = time.monotonic()
        for channel in range(CHANNELS):
            past = past_of_a_channel(f"channel-{channel}", messages // CHANNELS, USERS // CHANNELS)
            await asyncio.to_thread(producer.fill, past)
        posted = messages // CHANNELS * CHANNELS
        folded_at = await _moment(connection, _FOLDED, lambda folded: folded == posted)
        dropping_at = await _moment(connection, _LEFT, lambda left: left < posted)
        dropped_at = await _moment(connection, _LEFT, lambda left: left == 0)
        counted = await connection.fetchval(_FOLDED)
    finally:
        await connection.close()
    return Outcome(posted, folded_at - begun_at, dropped_at - dropping_at, int(counted))


async def _take_times_from_producers(stack: Stack) -> None:
    client = AIOKafkaClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await client.bootstrap()
    try:
        await alter_topic(client, MESSAGES_TOPIC, {"message.timestamp.type": "CreateTime"})
    finally:
        await client.close()


async def _moment(connection: Any, query: str, reached: Callable[[int], bool]) -> float:
    """When a number in Postgres is as awaited."""
    fetch: Callable[[str], Awaitable[int | None]] = connection.fetchval
    async with asyncio.timeout(_MOST_SECONDS):
        while not reached(int(await fetch(query) or 0)):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)  # Postgres has no event for it
    return time.monotonic()


def _summary(outcome: Outcome) -> str:
    return (
        f"{outcome.messages:,} messages posted and folded in {outcome.fold_s:.1f} s, dropped in {outcome.drop_s:.1f} s "
        f"({outcome.share:.0%} of that); {outcome.counted:,} still counted."
    )


def _markdown(outcome: Outcome, servers: str) -> str:
    return f"""## Dropping history

{CHANNELS} channels, {USERS:,} users, everything on one machine and the fold running beside:

{_summary(outcome)}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench retention --messages {outcome.messages} --record`
"""


if __name__ == "__main__":
    main()
