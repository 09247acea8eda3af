"""What the pages cost a browser, and how soon they show what was posted, from no messages to a flood.

`./live bench pages` measures on a stack of its own, in headless Chromium, each page at each rate for a time. Somebody
uses the page meanwhile: pauses and resumes it, scrolls, and tabs on. --record keeps the figures in docs/benchmarks.md.
"""

import asyncio
import itertools
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from playwright.async_api import Browser, CDPSession, Page, async_playwright
from rich.console import Console
from rich.table import Table

from bench.support.distribution import Distribution
from bench.support.docs import record
from bench.support.goals import Goal, at_most
from bench.support.machine import describe_machine, describe_servers
from bench.support.poster import Poster
from bench.support.stack import running_stack
from livestream_local.chromium import ensure_chromium
from livestream_local.errors import LauncherError
from livestream_local.stack import Stack

RATES: Final = (0, 100, 1_000, 12_000)
PATHS: Final = {
    "home": "/",
    "messages": "/messages",
    "channels": "/channels",
    "users": "/users",
    "one channel": "/channels/bench-1",
    "one user": "/users/user-7",
}
# The contract lets an ingest request hold more; so many keep the number of requests a second reasonable at any rate.
PER_REQUEST: Final = {0: 1, 100: 5, 1_000: 20, 12_000: 200}
GOALS_RATE: Final = 1_000
SLOWED: Final = 4  # times, while the time until a page is interactive is measured
USE_EVERY_SECONDS: Final = 1.0
WINDOW: Final = {"width": 1280, "height": 720}

# Runs in the page before its own scripts. `seen`: message id -> when it came to stand at the top, in ms since 1970.
OBSERVE: Final = """
window.bench = { interactions: [], tasks: [], seen: {} };
const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
    .observe({ type, buffered: true, durationThreshold: 16 });
watch("event", (entry) => entry.interactionId && bench.interactions.push(entry.duration));
watch("longtask", (entry) => bench.tasks.push([entry.startTime, entry.duration]));
addEventListener("DOMContentLoaded", () => {
    const list = document.querySelector("ol.messages");
    if (!list) return;
    const note = () => {
        const newest = list.firstElementChild;
        if (newest) bench.seen[newest.dataset.id] ??= Date.now();
    };
    new MutationObserver(note).observe(list, { childList: true, subtree: true, attributeFilter: ["data-id"] });
});
"""


class Outcome(NamedTuple):
    """One page at one rate. Times in ms; `latency`: of newest messages, from the 202 to the page that shows them."""

    page: str
    rate: int
    interactive_ms: float
    interaction_ms: float
    long_tasks: int
    longest_task_ms: float
    nodes: tuple[int, int]
    heap_mb: tuple[float, float]
    latency: Distribution | None


@click.command()
@click.option("--seconds", type=click.FloatRange(min=2), default=60, show_default=True, help="A page and rate.")
@click.option("--rate", "rates", type=int, multiple=True, default=RATES, show_default=True, help="Messages a second.")
@click.option("--page", "pages", type=click.Choice(list(PATHS)), multiple=True, help="These only.")
@click.option("--data", type=click.Path(path_type=Path), help="Measure the stack that runs on this folder.")
@click.option("--port-base", type=int, help="The same stack's ports, where that is not clear.")
@click.option("--record", "is_recorded", is_flag=True, help="Keep the figures in docs/benchmarks.md.")
def main(
    *,
    seconds: float,
    rates: tuple[int, ...],
    pages: tuple[str, ...],
    data: Path | None,
    port_base: int | None,
    is_recorded: bool,
) -> None:
    """Measure what the pages cost a browser."""
    try:
        chromium = ensure_chromium()
        with running_stack(data, port_base) as stack:
            outcomes = asyncio.run(measure(stack, chromium, pages or tuple(PATHS), rates, seconds))
            servers = asyncio.run(describe_servers(stack))
    except LauncherError as error:
        raise click.ClickException(str(error)) from None
    _print(outcomes)
    if is_recorded:
        record("pages", _markdown(outcomes, seconds, servers), _goals(outcomes))
    sys.exit(0)


async def measure(
    stack: Stack, chromium: str | None, pages: tuple[str, ...], rates: tuple[int, ...], seconds: float
) -> list[Outcome]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        outcomes = []
        for rate, page in itertools.product(rates, pages):
            outcomes.append(await _measure_page(stack, browser, page, rate, seconds))
            click.echo(f"{page} at {rate}/s: {outcomes[-1]}", err=True)
        await browser.close()
    return outcomes


async def _measure_page(stack: Stack, browser: Browser, name: str, rate: int, seconds: float) -> Outcome:
    poster = Poster(stack.ingest_url, f"{uuid.uuid4().hex[:8]}-", PER_REQUEST.get(rate, 100))
    context = await browser.new_context(viewport={"width": WINDOW["width"], "height": WINDOW["height"]})
    page = await context.new_page()
    try:
        await page.add_init_script(OBSERVE)
        session = await context.new_cdp_session(page)
        posting = asyncio.create_task(poster.post(rate, seconds) if rate else asyncio.sleep(seconds))
        interactive_ms = await _open_slowed(page, session, stack.web_url + PATHS[name])
        began = await page.evaluate("() => { bench.interactions.length = 0; return performance.now() }")
        before = await _costs(session)
        using = asyncio.create_task(_use(page))
        await posting
        using.cancel()
        after = await _costs(session)
        observed = await page.evaluate("() => bench")
    finally:
        await context.close()
    tasks = [duration for started, duration in observed["tasks"] if started >= began]
    return Outcome(
        page=name,
        rate=rate,
        interactive_ms=interactive_ms,
        interaction_ms=max(observed["interactions"], default=0.0),
        long_tasks=len(tasks),
        longest_task_ms=max(tasks, default=0.0),
        nodes=(before[0], after[0]),
        heap_mb=(before[1], after[1]),
        latency=_latency(poster, observed["seen"]),
    )


async def _open_slowed(page: Page, session: CDPSession, url: str) -> float:
    """How long until the page's script has taken over, on a processor that is slowed down."""
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    await page.goto(url)
    await page.locator("#pause").wait_for()
    interactive_ms: float = await page.evaluate("() => performance.now()")
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    await page.locator("#status:is([data-state=live], [data-state=idle], [data-state=missing])").wait_for()
    return interactive_ms


async def _use(page: Page) -> None:
    """As people do, again and again until cancelled."""
    ways: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: page.locator("#pause").click(),
        lambda: page.locator("#pause").click(),
        lambda: page.mouse.wheel(0, 600),
        lambda: page.mouse.wheel(0, -600),
        lambda: page.keyboard.press("Tab"),
        lambda: page.locator("#main").focus(),
    )
    for way in itertools.cycle(ways):
        await way()
        await asyncio.sleep(USE_EVERY_SECONDS)


async def _costs(session: CDPSession) -> tuple[int, float]:
    """Nodes of the document, and MB on the heap that are in use."""
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = {each["name"]: each["value"] for each in (await session.send("Performance.getMetrics"))["metrics"]}
    return round(metrics["Nodes"]), metrics["JSHeapUsedSize"] / 2**20


def _latency(poster: Poster, seen: dict[str, float]) -> Distribution | None:
    clocks_differ_s = time.time() - time.perf_counter()
    shown = [
        seen[id_] / 1000 - clocks_differ_s - posted.answered_at for id_, posted in poster.posted.items() if id_ in seen
    ]
    return Distribution.of([max(each, 0.0) for each in shown]) if shown else None


_HEADS: Final = (
    "page",
    "messages/s",
    "interactive",
    "worst interaction",
    "long tasks",
    "longest",
    "nodes",
    "heap, MB",
    "newest after, p50",
    "p95",
    "max",
)


def _cells(outcome: Outcome) -> tuple[str, ...]:
    latency = outcome.latency
    return (
        outcome.page,
        f"{outcome.rate:,}",
        f"{outcome.interactive_ms:.0f}",
        f"{outcome.interaction_ms:.0f}",
        str(outcome.long_tasks),
        f"{outcome.longest_task_ms:.0f}",
        f"{outcome.nodes[0]:,} → {outcome.nodes[1]:,}",
        f"{outcome.heap_mb[0]:.1f} → {outcome.heap_mb[1]:.1f}",
        *((f"{latency.p50:.0f}", f"{latency.p95:.0f}", f"{latency.maximum:.0f}") if latency else ("", "", "")),
    )


def _print(outcomes: list[Outcome]) -> None:
    table = Table(*_HEADS)
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome in outcomes:
        table.add_row(*_cells(outcome))
    Console(width=140).print(table)


def _goals(outcomes: list[Outcome]) -> list[Goal]:
    latest = [each.latency.maximum for each in outcomes if each.latency and each.rate == GOALS_RATE]
    found = [
        at_most("the worst interaction", max(each.interaction_ms for each in outcomes), 100),
        at_most("the longest task", max(each.longest_task_ms for each in outcomes), 100),
        at_most(
            f"until a page can be used, slowed {SLOWED} times", max(each.interactive_ms for each in outcomes), 2000
        ),
    ]
    if latest:
        found.append(at_most(f"the newest message on the page, at {GOALS_RATE:,}/s, after its 202", max(latest), 500))
    return found


def _markdown(outcomes: list[Outcome], seconds: float, servers: str) -> str:
    lines = ["| " + " | ".join(_HEADS) + " |", "| --- |" + " ---: |" * (len(_HEADS) - 1)]
    lines += ["| " + " | ".join(_cells(outcome)) + " |" for outcome in outcomes]
    table = "\n".join(lines)
    return f"""## Pages

Each page at each rate for {seconds:g} s in headless Chromium, while somebody pauses it, scrolls and tabs on; servers,
services, load and browser on one machine. Times in milliseconds: until the page can be used (on a processor slowed down
{SLOWED} times), the worst interaction (event timing, in steps of 8), tasks of over 50 ms, and from the 202 of a message
until it stood at the top of the page as the newest. Nodes and heap at the start and at the end.

{table}

{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}; {servers}. One run.
Again: `./live bench pages --seconds {seconds:g} --record`
"""


if __name__ == "__main__":
    main()
