"""What search costs, who asks and who loads.

`./live bench search` fills a stack of its own: messages in Postgres, where each word is as common as its name says, and
users through the log. --record keeps the figures in docs/benchmarks.md.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple

import aiohttp
import click

from bench.support.chat_fill import DirectProducer
from bench.support.distribution import Distribution
from bench.support.docs import record
from bench.support.machine import describe_machine, describe_servers
from bench.support.stack import running_stack
from livestream.clients import postgres_pool
from livestream.events import MessagePosted
from livestream.history import History, HistoryFilter, SearchTooSlowError
from livestream.times import now_ms
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

# A word, and one message in how many holds it. `bygone` is in all messages of the older half, and in no other.
EVERY: Final = {"always": 1, "tenth": 10, "hundredth": 100, "thousandth": 1_000, "myriad": 10_000}
# What the index is compared with: a leaf without it, and those where words wait in no list, or in Postgres's own.
LEAVES: Final = {"none": 101, "as it is": 102, "at once": 103, "4 MB put off": 104}
BATCH_ROWS: Final = 500
PAGE_ROWS: Final = 51
RUNS: Final = 7
CHANNELS: Final = 200
TEXTS: Final = 50_000
SYLLABLES: Final = ("ka", "ri", "mo", "te", "sun", "lo", "ve", "dar", "pi", "no", "shi", "bel", "gu", "za", "en")
BEGINNINGS: Final = ("k", "kari", "karimo", "zazazaz", "user", "nobody")

_COLUMNS: Final = (
    "generation", "partition", "channel", "id", "username", "ts_ms", "append_ms", "log_offset", "digest", "posted",
    "deleted", "visible", "text", "kept_ms",
)  # fmt: skip
_FILL_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.2


class Asked(NamedTuple):
    """A question, how many rows answer it (None: it was refused for the time that it takes), and how long that took."""

    question: str
    rows: int | None
    took: Distribution


@click.command()
@click.option("--messages", type=click.IntRange(10_000), default=1_000_000, show_default=True)
@click.option("--users", type=click.IntRange(1_000), default=100_000, show_default=True)
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(*, messages: int, users: int, is_recorded: bool) -> None:
    """Measure what it takes to find messages and names, and to keep them findable."""
    try:
        with running_stack(None, None) as stack:
            loads = asyncio.run(measure_loads(stack, messages))
            searches = asyncio.run(measure_searches(stack))
            names = asyncio.run(measure_names(stack, users))
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    page = _markdown(messages, users, loads, searches, names, servers)
    click.echo(page)
    if is_recorded:
        record("search", page)
    sys.exit(0)


async def measure_loads(stack: Stack, messages: int) -> dict[str, list[float]]:
    """Seconds that each batch took. The same ones go to each leaf in turn."""
    times: dict[str, list[float]] = {leaf: [] for leaf in LEAVES}
    async with postgres_pool(stack.database_url, 1) as pool, pool.acquire() as connection:
        for generation in LEAVES.values():
            await connection.execute("SELECT create_generation($1, 'retired', 12)", generation)
        await connection.execute(f"DROP INDEX messages_{LEAVES['none']}_words")
        await connection.execute(f"ALTER INDEX messages_{LEAVES['at once']}_words SET (fastupdate = off)")
        await connection.execute(f"ALTER INDEX messages_{LEAVES['4 MB put off']}_words RESET (gin_pending_list_limit)")
        for batch in _batches(messages):
            for leaf, generation in LEAVES.items():
                rows = [(generation, *row) for row in batch]
                begun = time.perf_counter()
                await connection.copy_records_to_table(f"messages_{generation}", records=rows, columns=_COLUMNS)
                times[leaf].append(time.perf_counter() - begun)
        await connection.execute("ANALYZE")
    return times


def _batches(messages: int) -> Iterator[list[tuple[Any, ...]]]:
    random = Random(1)
    vocabulary = ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    texts = [" ".join(random.choices(vocabulary, weights, k=10)) for _ in range(TEXTS)]
    begin_ms = now_ms() - messages
    for first in range(0, messages, BATCH_ROWS):
        batch = []
        for offset in range(first, first + BATCH_ROWS):
            marks = [word for word, every in EVERY.items() if offset % every == 0]
            marks += ["bygone"] if offset < messages // 2 else []
            text = f"{random.choice(texts)} {' '.join(marks)} {offset:x}"
            channel, user, ts_ms = (
                f"room-{random.randrange(CHANNELS)}",
                f"u-{random.randrange(10_000)}",
                begin_ms + offset,
            )
            batch.append((0, channel, f"{offset}", user, ts_ms, ts_ms, offset, 0, True, False, True, text, ts_ms))
        yield batch


async def measure_searches(stack: Stack) -> list[Asked]:
    words = [*EVERY, "bygone", "123456 or 7b", "tenth hundredth", '"always bygone"', "always -tenth", "missing"]
    filters = [HistoryFilter(words=each) for each in words]
    filters += [HistoryFilter(words=each, channel="room-7") for each in ("always", "hundredth", "bygone", "missing")]
    filters += [HistoryFilter(words=each, user="u-7") for each in ("always", "thousandth", "bygone")]
    asked = []
    async with postgres_pool(stack.database_url, 1) as pool:
        history = History(pool)

        async def ask(wanted: HistoryFilter) -> int | None:
            try:
                return len(await history.newest_first(LEAVES["as it is"], wanted, PAGE_ROWS))
            except SearchTooSlowError:
                return None

        for wanted in filters:
            scope = f" in {wanted.channel}" if wanted.channel else f" by {wanted.user}" if wanted.user else ""
            asked.append(await _timed(f"`{wanted.words}`{scope}", lambda wanted=wanted: ask(wanted)))  # type: ignore[misc]
    return asked


async def measure_names(stack: Stack, users: int) -> list[Asked]:
    await asyncio.to_thread(_post_users, DirectProducer(stack.kafka_bootstrap_servers), users)
    asked = []
    async with aiohttp.ClientSession() as session:
        await _until_users(session, stack, users)
        for sort in ("messages", "name", "last_message_at"):
            for beginning in BEGINNINGS:
                url = f"{stack.web_url}/api/v1/users?sort={sort}&q={beginning}"

                async def ask(url: str = url) -> int:
                    async with session.get(url) as response:
                        return len((await response.json())["items"])

                asked.append(await _timed(f"`{beginning}` by {sort}", ask))
    return asked


def _post_users(producer: DirectProducer, users: int) -> None:
    """Names and display names of syllables; each writes in one channel to three, some more than others."""
    random, begin_ms = Random(2), now_ms()
    for number in range(users):
        name = "".join(random.choices(SYLLABLES, k=3)) + f"-{number}"
        shown = " ".join("".join(random.choices(SYLLABLES, k=2)).title() for _ in range(2))
        for message in range(random.choice((1, 1, 2, 3))):
            channel = f"hall-{random.randrange(50)}"
            producer.post(MessagePosted(channel, f"{number}-{message}", name, "hi", begin_ms, None, shown))
    producer.flush()


async def _until_users(session: aiohttp.ClientSession, stack: Stack, users: int) -> None:
    async with asyncio.timeout(_FILL_SECONDS):
        while True:
            async with session.get(f"{stack.web_url}/api/v1/summary") as response:
                if response.status == 200 and (await response.json())["totals"]["users"] == users:
                    return
            await asyncio.sleep(_POLL_SECONDS)


async def _timed(question: str, ask: Callable[[], Awaitable[int | None]]) -> Asked:
    rows, times = await ask(), []
    for _ in range(RUNS):
        begun = time.perf_counter()
        await ask()
        times.append(time.perf_counter() - begun)
    return Asked(question, rows, Distribution.of(times))


def _markdown(
    messages: int, users: int, loads: dict[str, list[float]], searches: list[Asked], names: list[Asked], servers: str
) -> str:
    return f"""## Search

{messages:,} messages of some ten words in Postgres, copied by {BATCH_ROWS}: without an index of words, with it as it is
(1 MB of words are put off), and with other lists of what is put off:

| index | µs a message | against none | ms a batch, p50 | p99 | most |
| --- | ---: | ---: | ---: | ---: | ---: |
{_load_table(messages, loads)}

The first {PAGE_ROWS} messages, newest first. A word's name says how common it is; `bygone` is in all of the older half,
and in no other:

{_table(searches)}

The first 50 of {users:,} users whose name or display name begins so, over HTTP:

{_table(names)}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run of each, and {RUNS} times each question.
Again: `./live bench search --messages {messages} --users {users} --record`
"""


def _load_table(messages: int, loads: dict[str, list[float]]) -> str:
    least, lines = sum(loads["none"]), []
    for leaf, seconds in loads.items():
        took = Distribution.of(seconds)
        ratios = f"{sum(seconds) / messages * 1_000_000:.1f} | {sum(seconds) / least:.2f}"
        lines.append(f"| {leaf} | {ratios} | {took.p50:.0f} | {took.p99:.0f} | {took.maximum:.0f} |")
    return "\n".join(lines)


def _table(asked: list[Asked]) -> str:
    lines = []
    for question, rows, took in asked:
        found = "refused" if rows is None else rows
        lines.append(f"| {question} | {found} | {took.p50:.1f} | {took.maximum:.1f} |")
    return "\n".join(["| asked for | rows | median ms | most |", "| --- | ---: | ---: | ---: |", *lines])


if __name__ == "__main__":
    main()
