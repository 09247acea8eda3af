"""How lively it is: what a live page says is what the server says, whatever became of its connection."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from livestream.serving import Activity
from livestream.times import format_ms, now_ms, to_ms
from livestream_web.activity import BAR_MS, ActivityChart
from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import LIVE, expect_state, open_live, total
from tests.e2e.upstream import Upstream
from tests.support.waiting import wait_until

STEP_MS = 5_000
FRAMES = 400
_SUM = re.compile(r"Last 10 min(?: \(counted for [^)]*\))?: ([\d,]+),")
# Feeds frames to the page's own part, on a copy of its element, and gives what it shows after each of them.
FEED = """async ([data, frames]) => {
    const live = document.querySelector("script[type=module]").src;
    const { Activity } = await import(new URL("activity.js", live).href);
    const element = document.querySelector("#totals").cloneNode(true);
    element.dataset.activity = data;
    const part = new Activity(element);
    return frames.map((frame) => {
        part.apply(frame);
        part.render(false);
        const of = (selector) => element.querySelector(selector);
        return [of("[data-rate]").textContent, of(".sparkline path").getAttribute("d"), of(".summary").textContent];
    });
}"""


def test_the_script_works_out_what_the_server_does(page: Page) -> None:
    """From any history, with gaps, deletions and an hour's worth of frames."""
    draw = random.Random(1)
    at_ms, messages = 1_800_000_000_000 + draw.randrange(STEP_MS), 1_000
    newest = at_ms // STEP_MS
    counts = {newest - back: draw.randrange(50) for back in range(125) if draw.random() < 0.8} | {newest: 2}
    chart = ActivityChart(at_ms, messages, STEP_MS, counts)
    frames, expected, data = [], [], chart.data
    for _ in range(FRAMES):
        passed_ms = draw.choice((0, 100, 1_000, 5_500))
        steps = range(at_ms // STEP_MS, (at_ms + passed_ms) // STEP_MS + 1)
        at_ms += passed_ms
        counts = {**dict.fromkeys(steps, 0), **counts}
        before, messages = messages, max(0, messages + draw.choice((-30, 0, 1, 7, 4_000)))
        chart = ActivityChart.at(Activity(at_ms, before, STEP_MS, counts), messages, at_ms)
        counts = chart._counts
        frames.append({"as_of": format_ms(at_ms), "totals": {"messages": messages}})
        # A frame of the very moment that the page was made at has nothing new.
        expected.append([f"{chart.per_minute:,}", chart.path, chart.summary])
    frames, expected = skip_the_first_moment(frames, expected, data)
    page.goto("/")
    assert page.evaluate(FEED, [data, frames]) == expected


def skip_the_first_moment(frames: list[Any], expected: list[list[str]], data: str) -> tuple[list[Any], list[list[str]]]:
    first = next(i for i, frame in enumerate(frames) if frame["as_of"] > json.loads(data)["as_of"])
    return frames[first:], expected[first:]


@pytest.fixture
def plain(browser: Browser, base_url: str) -> Iterator[Page]:
    """A page without scripts: what the server says."""
    with browser.new_context(java_script_enabled=False, base_url=base_url) as context:
        yield context.new_page()


def test_the_number_is_there_without_scripts(plain: Page, upstream: Upstream, unique: str) -> None:
    before = counted_on(plain)
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(37)])
    after = counted_on(plain)
    assert (after - before).total() == 37
    expect(plain.get_by_role("img", name="Messages by 10 seconds")).to_be_visible()
    assert shown_rate(plain) >= 37


def test_a_live_page_says_how_many_came(page: Page, plain: Page, upstream: Upstream, unique: str) -> None:
    open_live(page, "/")
    upstream.post(unique, unique, *[f"text {number}" for number in range(60)])
    wait_until(lambda: shown_rate(page) >= 60, what="the rate of what was posted")
    agrees_with_the_server(page, plain)


def test_the_page_of_messages_has_the_number_too(page: Page, upstream: Upstream, unique: str) -> None:
    open_live(page, "/messages")
    upstream.post(unique, unique, *[f"text {number}" for number in range(30)])
    wait_until(lambda: shown_rate(page) >= 30, what="the rate of what was posted")


def test_after_a_silence_it_says_what_came_meanwhile(
    page: Page, plain: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    open_live(page, "/")
    proxy.stall()
    expect_state(page, "disconnected")
    # What came at two times is one frame to who comes back.
    for count in (20, 10):
        upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(count)])
        until_the_next_bar()
    proxy.heal()
    expect_state(page, LIVE, 20_000)
    agrees_with_the_server(page, plain)


def test_quiet_time_passes_with_the_gateway_s_heartbeats(page: Page) -> None:
    """What came a minute ago no longer counts, although no frame said so; and the quiet minute is no gap."""
    page.goto("/")
    silence = """async (every_ms) => {
        const live = document.querySelector("script[type=module]").src;
        const { Activity } = await import(new URL("activity.js", live).href);
        const element = document.querySelector("#totals").cloneNode(true);
        let now = 1_000_000;
        performance.now = () => now;
        const part = new Activity(element);
        part.apply({ as_of: new Date(part.now + 10).toISOString(), totals: { messages: part.messages + 500 } });
        const before = part.perMinute;
        for (let passed = 0; passed < 80_000; passed += every_ms) {
            now += every_ms;
            part.hear("live");
        }
        return [before >= 500, part.perMinute, part.bars.slice(-7)];
    }"""
    assert page.evaluate(silence, 2_000) == [True, 0, [0] * 7]


def test_time_in_which_the_data_is_late_is_a_gap_until_news_come(page: Page) -> None:
    """Nobody can say then that nothing came. What a frame tells counts; when it is over, the server is asked."""
    page.goto("/")
    late = """async () => {
        const live = document.querySelector("script[type=module]").src;
        const { Activity } = await import(new URL("activity.js", live).href);
        let [now, asked] = [1_000_000, 0];
        performance.now = () => now;
        window.fetch = () => { asked += 1; return Promise.reject(new Error("web is away")); };
        const part = new Activity(document.querySelector("#totals").cloneNode(true));
        const begin = part.now;
        for (let passed = 0; passed < 60_000; passed += 2_000) {
            now += 2_000;
            part.hear(passed % 4_000 ? "stale" : "rebuilding");
        }
        const known = [part.bars.slice(-5)];
        part.apply({ as_of: new Date(begin + 60_500).toISOString(), totals: { messages: part.messages + 7 } });
        known.push(part.bars.at(-1), asked);
        part.hear("live");
        part.hear("live");
        return [...known, asked];
    }"""
    assert page.evaluate(late) == [[None] * 5, 7, 0, 1]


def test_a_snapshot_s_total_is_no_burst(page: Page) -> None:
    """What another epoch begins with did not come just now, even where nobody can say what did."""
    page.goto("/")
    shown = page.evaluate(
        """async () => {
            const live = document.querySelector("script[type=module]").src;
            const { Activity } = await import(new URL("activity.js", live).href);
            const part = new Activity(document.querySelector("#totals"));
            const before = part.perMinute;
            window.fetch = () => Promise.reject(new Error("web is away"));
            part.replace({ as_of: new Date(part.now + 50).toISOString(), totals: { messages: 10 ** 9 } });
            await new Promise((resolve) => setTimeout(resolve));
            part.apply({ as_of: new Date(part.now + 100).toISOString(), totals: { messages: 10 ** 9 } });
            return part.perMinute - before;
        }"""
    )
    assert shown <= 0, "only what came a minute ago may have left the count"


def test_a_paused_page_keeps_its_number_and_goes_on_with_the_current_one(
    page: Page, upstream: Upstream, unique: str
) -> None:
    open_live(page, "/")
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "paused")
    kept, messages = shown_rate(page), total(page, "messages").inner_text()
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(500)])
    assert (shown_rate(page), total(page, "messages").inner_text()) == (kept, messages)
    page.get_by_role("button", name="Resume").click()
    wait_until(lambda: shown_rate(page) >= 500, what="the rate of what came while it was paused")


def until_the_next_bar() -> None:
    bar = now_ms() // BAR_MS
    wait_until(lambda: now_ms() // BAR_MS > bar, 15, "the next bar")


def agrees_with_the_server(page: Page, other: Page) -> None:
    """In number, bars and words."""

    def agree() -> bool:
        same_sum = sum_on(other) == sum_of(page)
        return same_sum and path_of(other) == path_of(page) and abs(shown_rate(other) - shown_rate(page)) <= 1

    wait_until(agree, 20, "the same numbers as the server's")


def counted_on(page: Page) -> Counter[int]:
    """Messages by step, as the script would begin with them."""
    page.goto("/")
    data = json.loads(page.locator("#totals").get_attribute("data-activity") or "")
    first = to_ms(datetime.fromisoformat(data["from"])) // STEP_MS
    return Counter({step: count or 0 for step, count in enumerate(data["counts"], first)})


def sum_on(page: Page) -> int:
    page.goto("/")
    return sum_of(page)


def sum_of(page: Page) -> int:
    found = _SUM.match(page.locator(".activity .summary").inner_text())
    assert found
    return int(found[1].replace(",", ""))


def path_of(page: Page) -> str | None:
    return page.locator(".sparkline path").get_attribute("d")


def shown_rate(page: Page) -> int:
    return int(page.locator("[data-rate]").inner_text().replace(",", ""))
