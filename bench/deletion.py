"""What the deletion of a big channel, and of a user with a long past, costs those who watch something else.

`./live bench deletion` measures on a stack of its own; with --data on one that runs. --record keeps the figures in
docs/benchmarks.md.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg
import click
import msgspec
from redis.exceptions import RedisError
from rich.console import Console
from rich.table import Table

from bench.support.chat_fill import (
    DirectProducer,
    live_post,
    neighbour_of,
    past_of_a_channel,
    past_of_a_user,
    stranger_to,
)
from bench.support.docs import record
from bench.support.machine import describe_machine, describe_servers
from bench.support.stack import running_stack
from bench.support.watching import MemoryMeter, RedisPinger, StreamMeter
from livestream.clients import redis_client
from livestream.serving import NoEpochError, ServingCopy
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

BIG: Final = "big"
HEAVY: Final = "heavy"
HEAVY_CHANNELS: Final = 200
# Those who post live are among the users of the channel that goes, so that they stay when it has gone.
LIVE_USERS: Final = 50

WARM_UP_SECONDS: Final = 10.0
LEAST_SECONDS: Final = 15.0  # after a deletion, whatever is settled before: what it sets off may come later
_MISSING_SECONDS: Final = 10.0  # what is posted last may still be on its way
_MOST_SECONDS: Final = 1_800.0
_LOOK_SECONDS: Final = 0.5
_TICK_SECONDS: Final = 0.02
_ERASED: Final = {
    "channel": "SELECT NOT EXISTS (SELECT FROM messages WHERE visible AND channel = 'big')",
    "user": "SELECT NOT EXISTS (SELECT FROM messages WHERE visible AND username = 'heavy')",
}
_PROGRAMS: Final = {"projector": "livestream_projector", "gateway": "livestream_gateway"}


class Plan(NamedTuple):
    """How much there is to delete, and how much goes on beside it."""

    messages: int
    users: int
    user_messages: int
    rate: float


class Probe(NamedTuple):
    """Seconds from a post to its frame, the most of all, and when that was posted; and how many never came."""

    longest_s: float
    posted_s: float
    missing: int


class Seen(NamedTuple):
    """What one kind of viewer was sent during a deletion."""

    view: str
    received_bytes: int
    frames: int
    snapshots: int
    largest_bytes: int
    snapshot_bytes: int


class Outcome(NamedTuple):
    """One deletion. Times are seconds after its 202."""

    what: str
    neighbour: Probe
    stranger: Probe
    redis_ms: float
    counted_s: float
    erased_s: float
    memory_mib: dict[str, float]
    seen: list[Seen]


class _Frame(msgspec.Struct):
    messages: list["_Message"] = []


class _Message(msgspec.Struct):
    id: str


_decode_frame: Final = msgspec.json.Decoder(_Frame).decode


class Prober:
    """Posts to a channel at a rate, and notes when a viewer of that channel has each message."""

    def __init__(self, stack: Stack, channel: str) -> None:
        self.channel = channel
        self.meter = StreamMeter(stack.stream_url, f"channels/{channel}", self._take)
        self._posted_at: dict[str, float] = {}
        self._took: list[tuple[float, float]] = []  # and when it was posted
        self._number = 0
        self._reset_at = 0.0

    def reset(self) -> None:
        self._took, self._reset_at = [], time.perf_counter()

    @property
    def result(self) -> Probe:
        now = time.perf_counter()
        waiting = [(now - at, at) for at in self._posted_at.values()]
        missing = sum(seconds > _MISSING_SECONDS for seconds, _ in waiting)
        longest_s, posted_at = max([*self._took, *waiting])
        return Probe(longest_s, posted_at - self._reset_at, missing)

    async def post(self, producer: DirectProducer, rate: float) -> None:
        """Runs until it is cancelled. What was late is made up for: the log sees the rate on average."""
        begun = time.perf_counter()
        while True:
            while self._number < (time.perf_counter() - begun) * rate:
                self._number += 1
                message = live_post(self.channel, self._number, f"user-{self._number % LIVE_USERS}")
                self._posted_at[message.id] = time.perf_counter()
                producer.post(message)
            await asyncio.sleep(_TICK_SECONDS)

    def _take(self, frame: bytes) -> None:
        now = time.perf_counter()
        _, _, data = frame.partition(b"\ndata: ")
        for message in _decode_frame(data.split(b"\n", 1)[0]).messages:
            posted_at = self._posted_at.pop(message.id, None)
            if posted_at is not None:
                self._took.append((now - posted_at, posted_at))


class Bench:
    """A filled stack, watched from all sides."""

    def __init__(self, stack: Stack, plan: Plan, pinger: RedisPinger, producer: DirectProducer) -> None:
        self._stack = stack
        self._plan = plan
        self._pinger = pinger
        self._producer = producer
        self._memory = MemoryMeter(stack.pid, _PROGRAMS)
        self._redis = redis_client(stack.redis_url)
        self._serving = ServingCopy(self._redis)
        self._neighbour = Prober(stack, neighbour_of(BIG, "neighbour"))
        self._stranger = Prober(stack, stranger_to(BIG, "stranger"))
        views = ("home", "messages", "channels", "users", f"channels/{BIG}", f"users/user-{LIVE_USERS}", "users/user-0")
        self._meters = [StreamMeter(stack.stream_url, view) for view in views]
        self._live_number = 0

    async def run(self) -> list[Outcome]:
        await self._fill()
        watched = [self._neighbour.meter, self._stranger.meter, *self._meters]
        async with running(*(meter.watch() for meter in watched), self._memory.run()):
            await _within(60, asyncio.gather(*(meter.begun.wait() for meter in watched)))
            rate = self._plan.rate
            probes = [prober.post(self._producer, rate) for prober in (self._neighbour, self._stranger)]
            async with running(*probes):
                async with running(self._post_to_big(rate)):
                    await asyncio.sleep(WARM_UP_SECONDS)
                channel = await self._delete("channel", f"channels/{BIG}", LIVE_USERS + 1)
                user = await self._delete("user", f"users/{HEAVY}", LIVE_USERS)
        await self._redis.aclose()
        return [channel, user]

    async def _fill(self) -> None:
        plan = self._plan
        begun = time.perf_counter()
        events = past_of_a_channel(BIG, plan.messages, plan.users)
        count = await asyncio.to_thread(self._producer.fill, events)
        count += await asyncio.to_thread(self._producer.fill, past_of_a_user(HEAVY, plan.user_messages, HEAVY_CHANNELS))
        await self._until(lambda: self._served(messages=count))
        took = time.perf_counter() - begun
        click.echo(f"{count:,} messages folded in {took:.0f} s: {count / took:,.0f} a second", err=True)

    async def _post_to_big(self, rate: float) -> None:
        begun = time.perf_counter()
        while True:
            while self._live_number < (time.perf_counter() - begun) * rate:
                self._live_number += 1
                self._producer.post(live_post(BIG, self._live_number, f"user-{self._live_number % LIVE_USERS}"))
            await asyncio.sleep(_TICK_SECONDS)

    async def _delete(self, what: str, path: str, users_left: int) -> Outcome:
        self._memory.reset()
        self._pinger.reset()
        for prober in (self._neighbour, self._stranger):
            prober.reset()
        for meter in self._meters:
            meter.reset()
        address = f"{self._stack.ingest_url}/v1/{path}"
        async with aiohttp.ClientSession() as session, session.delete(address) as response:
            response.raise_for_status()
        begun = time.perf_counter()
        counted_s, erased_s = await asyncio.gather(
            self._until(lambda: self._served(users=users_left)), self._until(lambda: self._erased(what))
        )
        await asyncio.sleep(max(LEAST_SECONDS - (time.perf_counter() - begun), 2.0))
        return Outcome(
            what,
            self._neighbour.result,
            self._stranger.result,
            self._pinger.longest_ms,
            counted_s,
            erased_s,
            dict(self._memory.peak_mib),
            [
                Seen(m.view, m.received_bytes, m.frames, m.snapshots, m.largest_bytes, m.first_snapshot_bytes)
                for m in self._meters
            ],
        )

    async def _until(self, condition: Callable[[], Coroutine[Any, Any, bool]]) -> float:
        """Seconds until it holds."""
        begun = time.perf_counter()
        async with asyncio.timeout(_MOST_SECONDS):
            while not await condition():  # noqa: ASYNC110 - no server has an event for it
                await asyncio.sleep(_LOOK_SECONDS)
        return time.perf_counter() - begun

    async def _served(self, *, messages: int | None = None, users: int | None = None) -> bool:
        try:
            totals = (await self._serving.windows()).stand.totals
        except (NoEpochError, RedisError):
            return False
        return totals.messages == messages if users is None else totals.users == users

    async def _erased(self, what: str) -> bool:
        connection = await asyncpg.connect(self._stack.database_url)
        try:
            done: bool = await connection.fetchval(_ERASED[what])
        finally:
            await connection.close()
        return done


@asynccontextmanager
async def running(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs them until the body is done."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in coroutines]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _within(seconds: float, waited: asyncio.Future[Any]) -> None:
    async with asyncio.timeout(seconds):
        await waited


@click.command()
@click.option("--messages", type=click.IntRange(min=1), default=5_000_000, show_default=True, help="In the channel.")
@click.option("--users", type=click.IntRange(min=100), default=100_000, show_default=True, help="In the channel.")
@click.option("--user-messages", type=click.IntRange(min=1), default=100_000, show_default=True, help="Of one user.")
@click.option("--rate", type=click.FloatRange(min=1), default=200, show_default=True, help="Beside it, a second.")
@click.option("--data", type=click.Path(path_type=Path), help="Measure the stack that runs on this folder.")
@click.option("--port-base", type=int, help="The same stack's ports, where that is not clear.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(
    *,
    messages: int,
    users: int,
    user_messages: int,
    rate: float,
    data: Path | None,
    port_base: int | None,
    is_recorded: bool,
) -> None:
    """Measure what the deletion of a big channel and of a busy user costs everybody else."""
    plan = Plan(messages, users, user_messages, rate)
    try:
        with running_stack(data, port_base) as stack, RedisPinger(stack.redis_url) as pinger:
            producer = DirectProducer(stack.kafka_bootstrap_servers)
            outcomes = asyncio.run(Bench(stack, plan, pinger, producer).run())
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    for outcome in outcomes:
        _print(outcome)
    if is_recorded:
        record("deletion", _markdown(outcomes, plan, servers))
    sys.exit(0 if all(outcome.neighbour.missing == 0 for outcome in outcomes) else 1)


def _print(outcome: Outcome) -> None:
    console = Console()
    console.print(f"The deletion of a {outcome.what}", style="bold")
    for name, value in _figures(outcome):
        console.print(f"  {name}: {value}", highlight=False)
    table = Table("viewer of", "bytes", "frames", "snapshots", "largest frame", "first snapshot")
    for column in table.columns[1:]:
        column.justify = "right"
    for seen in outcome.seen:
        table.add_row(*_cells(seen))
    console.print(table)


def _figures(outcome: Outcome) -> Sequence[tuple[str, str]]:
    return (
        ("a message in the same partition took, at most", _longest(outcome.neighbour)),
        ("a message in another partition took, at most", _longest(outcome.stranger)),
        ("the longest that Redis left a PING unanswered", f"{outcome.redis_ms:.0f} ms"),
        ("all counts were right after", f"{outcome.counted_s:.1f} s"),
        ("all texts were erased from Postgres after", f"{outcome.erased_s:.1f} s"),
        *((f"most memory of the {name}", f"{mib:.0f} MiB") for name, mib in outcome.memory_mib.items()),
    )


def _longest(probe: Probe) -> str:
    return f"{probe.longest_s:.2f} s (posted {max(probe.posted_s, 0):.1f} s after it)"


def _cells(seen: Seen) -> tuple[str, ...]:
    return (
        seen.view,
        *(
            f"{value:,}"
            for value in (
                seen.received_bytes,
                seen.frames,
                seen.snapshots,
                seen.largest_bytes,
                seen.snapshot_bytes,
            )
        ),
    )


def _markdown(outcomes: Sequence[Outcome], plan: Plan, servers: str) -> str:
    figures = {
        name: [dict(_figures(outcome)).get(name, "") for outcome in outcomes] for name, _ in _figures(outcomes[0])
    }
    rows = "\n".join(f"| {name} | {' | '.join(values)} |" for name, values in figures.items())
    viewers = "\n\n".join(
        f"| {outcome.what} deleted: viewer of | bytes | frames | of them snapshots | largest | first snapshot |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        + "\n".join(f"| {' | '.join(_cells(seen))} |" for seen in outcome.seen)
        for outcome in outcomes
    )
    arguments = (
        f"--messages {plan.messages} --users {plan.users} --user-messages {plan.user_messages} --rate {plan.rate:g}"
    )
    return f"""## Deletions

A channel of {plan.messages:,} messages by {plan.users:,} users is deleted, then a user with {plan.user_messages:,}
messages in {HEAVY_CHANNELS} channels. Meanwhile {plan.rate:g} messages a second go to a channel in the same partition,
and as many to one in another; everything (servers, services, the load and the viewers) is on one machine.

| | {" | ".join(outcome.what for outcome in outcomes)} |
| --- | {" | ".join("---:" for _ in outcomes)} |
{rows}

What viewers were sent until all that was done, uncompressed:

{viewers}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench deletion {arguments} --record`
"""


if __name__ == "__main__":
    main()
