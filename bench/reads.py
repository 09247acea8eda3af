"""How long each page and each API call takes over a long history, and by which plans Postgres answers it.

`./live bench reads` fills a stack of its own. --record keeps the figures in docs/benchmarks.md and the plans in
docs/plans.md. Fails where an answer is not what it should be, or a plan goes through all of a table.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, NamedTuple

import asyncpg
import click
import msgspec

from bench.reading.filled_model import Filled, fill
from bench.reading.get_client import GetClient, Response
from bench.reading.plans import Plan, PlanLog, worst_of_each
from bench.reading.questions import Ask, Question, all_questions, read_facts
from bench.support.distribution import Distribution
from bench.support.docs import PAGE, record
from bench.support.goals import Goal, at_least, at_most
from bench.support.machine import describe_machine, describe_servers
from bench.support.stack import running_stack
from bench.support.tables import markdown_table
from livestream.clients import redis_client
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

GOAL_MS: Final = 25.0
CLIENTS: Final = 4
WARM_UP_ASKS: Final = 20
# Of one statement a server makes a plan for all arguments from the sixth time on.
EXPLAINED_ASKS: Final = 8
# A question that takes so long is asked less often: the run has to end.
PATIENCE_SECONDS: Final = 20.0

_TOTALS: Final = """
SELECT (SELECT count(*) FROM messages WHERE visible) AS messages, (SELECT count(*) FROM channels) AS channels,
    (SELECT count(DISTINCT username) FROM partition_users) AS users
"""
_LOAD_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.2


class WrongAnswerError(Exception):
    """An answer that is not what the read model holds."""


class Measured(NamedTuple):
    """A question with one client and with several, and how many answers were refusals."""

    question: str
    alone: Distribution
    together: Distribution
    refused: int
    asked: int


@click.command()
@click.option("--messages", type=click.IntRange(20_000), default=10_000_000, show_default=True)
@click.option("--users", type=click.IntRange(2_000), default=100_000, show_default=True)
@click.option("--channels", type=click.IntRange(1_000), default=10_000, show_default=True)
@click.option("--requests", type=click.IntRange(20), default=200, show_default=True, help="Of each question, twice.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep figures and plans in docs/.")
def main(*, messages: int, users: int, channels: int, requests: int, is_recorded: bool) -> None:
    """Measure pages and API calls over a long history."""
    try:
        with running_stack(None, None) as stack:
            filled, plans, measured = asyncio.run(_run(stack, messages, users, channels, requests))
            servers = asyncio.run(describe_servers(stack))
    except (LauncherError, WrongAnswerError) as error:
        raise click.ClickException(str(error)) from None
    page = _figures(filled, measured, requests, servers)
    click.echo(page)
    if is_recorded:
        record("reads", page, _goals(filled, measured))
        PAGE.with_name("plans.md").write_text(_plans_page(filled, plans), "utf-8")
    sys.exit(1 if any(plan.faults for each in plans.values() for plan in each) else 0)


async def _run(
    stack: Stack, messages: int, users: int, channels: int, requests: int
) -> tuple[Filled, dict[str, list[Plan]], list[Measured]]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        begun = time.monotonic()
        filled = await fill(connection, messages, users, channels)
        click.echo(f"{messages:,} messages after {time.monotonic() - begun:.0f} s", err=True)
        await _load_epoch(stack, connection)
        click.echo(f"loaded after {time.monotonic() - begun:.0f} s", err=True)
        questions = all_questions(await read_facts(connection, filled))
        plans = await _explain_all(stack, connection, questions)
    finally:
        await connection.close()
    return filled, plans, [await _measure(stack, question, requests) for question in questions]


async def _load_epoch(stack: Stack, connection: Any) -> None:
    """The serving copy as a projector loads it, with the totals that Postgres counts."""
    totals = await connection.fetchrow(_TOTALS)
    redis = redis_client(stack.redis_url)
    await redis.flushall()
    await redis.aclose()
    wanted, found = dict(totals), None
    deadline = time.monotonic() + _LOAD_SECONDS
    while found != wanted and time.monotonic() < deadline:
        async with GetClient(stack.web_url) as client:
            answer = await client.get("/api/v1/summary")
        found = msgspec.json.decode(answer.text)["totals"] if answer.status == 200 else None
        await asyncio.sleep(_POLL_SECONDS)
    if found != wanted:
        raise WrongAnswerError(f"the summary says {found}, and Postgres counts {wanted}")


async def _explain_all(stack: Stack, connection: Any, questions: list[Question]) -> dict[str, list[Plan]]:
    log, plans = PlanLog(stack), {}
    await log.begin(connection)
    for question in questions:
        log.mark()
        await _ask(stack, question, EXPLAINED_ASKS, seed="plans")
        plans[question.name] = worst_of_each(await log.since_mark(connection))
        for fault in dict.fromkeys(fault for plan in plans[question.name] for fault in plan.faults):
            click.echo(f"{question.name}: a statement {fault}", err=True)
    await log.end(connection)
    return plans


async def _measure(stack: Stack, question: Question, requests: int) -> Measured:
    await _ask(stack, question, WARM_UP_ASKS, seed="warm-up")
    alone, refused = await _ask(stack, question, requests, seed="alone")
    shares = [_ask(stack, question, requests // CLIENTS, seed=f"together {share}") for share in range(CLIENTS)]
    together = [took for times, _ in await asyncio.gather(*shares) for took in times]
    one = Measured(question.name, Distribution.of(alone), Distribution.of(together), refused, len(alone))
    click.echo(f"{one.question}: p95 {one.alone.p95:.1f} ms, {one.together.p95:.1f} ms together", err=True)
    return one


async def _ask(stack: Stack, question: Question, requests: int, seed: str) -> tuple[list[float], int]:
    """Seconds of each, and how many were refused. Stops early where patience ends."""
    random, refused = Random(f"{question.name} {seed}"), 0
    took: list[float] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with GetClient(stack.web_url) as client:
        while len(took) < requests and (not took or time.monotonic() < deadline):
            ask = question.draw(random)
            begun = time.perf_counter()
            answer = await client.get(ask.path)
            took.append(time.perf_counter() - begun)
            if question.is_refusable and answer.status == 400:
                refused += 1
            else:
                _check(ask, answer)
    return took, refused


def _check(ask: Ask, answer: Response) -> None:
    if answer.status != 200:
        raise WrongAnswerError(f"{ask.path}: {answer.status}, {answer.text[:200]}")
    rows = _rows_of(answer)
    if not ask.least <= rows <= ask.most:
        raise WrongAnswerError(f"{ask.path}: {rows} rows, expected {ask.least} to {ask.most}")


def _rows_of(answer: Response) -> int:
    text = answer.text
    if text.startswith("{"):
        held = msgspec.json.decode(text)
        return len(held["items"]) if "items" in held else int("item" in held)
    rows = text.count('<li class="message') + text.count('<tr role="row" data-name=')
    return rows - text.count('data-id=""') - text.count('data-name=""')  # these are for the script to clone


def _goals(filled: Filled, measured: list[Measured]) -> list[Goal]:
    slowest = max(measured, key=lambda one: one.alone.p95)
    what = f"p95 of what takes longest among {filled.messages:,} messages ({slowest.question})"
    within = sum(one.alone.p95 <= GOAL_MS for one in measured) / len(measured)
    return [
        at_most(what, slowest.alone.p95, GOAL_MS),
        at_least(f"pages and calls with a p95 within {GOAL_MS:g} ms", within, 1, ".0%", "of all"),
    ]


def _figures(filled: Filled, measured: list[Measured], requests: int, servers: str) -> str:
    head = ["asked for", "p50", "p95", "p99", f"{CLIENTS} clients: p50", "p95", "p99"]
    rows = []
    for one in measured:
        refused = f" ({one.refused} of {one.asked} refused)" if one.refused else ""
        figures = [f"{took:.1f}" for each in (one.alone, one.together) for took in each[:3]]
        rows.append([f"{one.question}{refused}", *figures])
    over = [one.question for one in measured if one.alone.p95 > GOAL_MS]
    said = f"Over {GOAL_MS:g} ms at the p95 with one client: {', '.join(over)}." if over else ""
    arguments = f"--messages {filled.messages} --users {len(filled.users)} --channels {len(filled.channels)}"
    within = f"{len(measured) - len(over)} of {len(measured)} within {GOAL_MS:g} at the p95"
    return f"""## Reads

{filled.messages:,} messages, {len(filled.users):,} users, {len(filled.channels):,} channels. Each page (as a browser
takes it, compressed) and each API call {requests} times with names, words and places drawn anew, by one client and by
{CLIENTS} at once; milliseconds, {within} with one. Each answer's rows were counted. How Postgres
answers each: [plans](plans.md).

{markdown_table(head, rows)}

{said}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench reads {arguments} --record`
"""


def _plans_page(filled: Filled, plans: dict[str, list[Plan]]) -> str:
    parts = [
        f"""# Plans

By which Postgres answered each page and API call with {filled.messages:,} messages, as `auto_explain` logged them while
`./live bench reads` asked each {EXPLAINED_ASKS} times: of plans that are alike, the one that looked at most pages of
8 kB. What is not here asked Redis only. The benchmark fails where a plan goes through all of a table, or walks far more
rows than it returns.
"""
    ]
    told: dict[str, str] = {}
    for question, each in plans.items():
        if not each:
            continue
        shapes = "\n".join(f"{plan.statement}\n{plan.shape}" for plan in each)
        if shapes in told:
            parts.append(f"## {question}\n\nAs for {told[shapes]}.\n")
            continue
        told[shapes] = question
        texts = "\n\n".join("\n".join([plan.statement, *plan.lines]) for plan in each)
        parts.append(f"## {question}\n\n```\n{texts}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
