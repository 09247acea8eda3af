"""All pages of a browser share one connection, whatever they show, and each misses nothing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import LIVE, expect_state, name_row, open_live, texts, texts_of
from tests.e2e.upstream import Upstream
from tests.support.waiting import wait_until

TABS = 10


@pytest.fixture
def open_page(context: BrowserContext, proxy: CuttingProxy) -> Iterator[Page]:
    """One that is live already, beside those that a test opens."""
    page = context.new_page()
    open_live(page, "/messages")
    wait_until(lambda: proxy.connections == 1, what="one connection")
    yield page
    page.close()


def workers(browser: Browser) -> list[str]:
    """The shared workers that run, by their targets' ids."""
    session = browser.new_browser_cdp_session()
    targets = session.send("Target.getTargets")["targetInfos"]
    session.detach()
    return [target["targetId"] for target in targets if target["type"] == "shared_worker"]


def test_ten_pages_have_one_connection(
    context: BrowserContext, browser: Browser, open_page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    paths = ["/", "/messages", "/channels", "/users", f"/users/{unique}", f"/channels/{unique}"]
    pages = [context.new_page() for _ in range(TABS - 1)]
    for number, page in enumerate(pages):
        open_live(page, paths[number % len(paths)])
    assert len(workers(browser)) == 1
    upstream.post(unique, unique, "to all")
    for number, page in enumerate(pages):
        path = paths[number % len(paths)]
        if path in ("/channels", "/users"):
            expect(name_row(page, path[1:], unique)).to_be_visible()
        else:
            expect(texts(page).first).to_have_text("to all")
    expect(texts(open_page).first).to_have_text("to all")
    wait_until(lambda: proxy.connections == 1, what="one connection for all")
    for page in pages:
        page.close()
    upstream.post(unique, unique, "to who is left")
    expect(texts(open_page).first).to_have_text("to who is left")


def test_pages_that_come_and_go_in_mid_stream_disturb_nobody(
    context: BrowserContext, open_page: Page, upstream: Upstream, unique: str
) -> None:
    pages = [open_page]
    with upstream.posting(unique, unique) as posted:
        for path in ("/messages", f"/channels/{unique}", f"/users/{unique}", "/"):
            page = context.new_page()
            open_live(page, path)
            wait_until(partial(shows_a_later_one, page, unique, len(posted)), what="newer messages on the new page")
            if path == "/messages":
                pages.append(page)
            else:
                page.close()
    for page in pages:
        expect(texts(page).first).to_have_text(posted[-1])
        assert texts_of(page, unique) == posted[::-1][:200]


def shows_a_later_one(page: Page, user: str, number: int) -> bool:
    shown = texts_of(page, user)
    return bool(shown) and int(shown[0].removeprefix(f"{user} ")) > number


def test_a_cut_reaches_all_pages_and_costs_none_of_them_anything(
    context: BrowserContext, open_page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    named = context.new_page()
    open_live(named, f"/users/{unique}")
    proxy.refuse()
    for page in (open_page, named):
        expect_state(page, "disconnected", 6_000)
    upstream.post(unique, unique, "meanwhile")
    proxy.heal()
    expect(texts(named)).to_have_text(["meanwhile"], timeout=15_000)
    expect(texts(open_page).first).to_have_text("meanwhile")
    for page in (open_page, named):
        expect_state(page, "live")


def test_a_worker_that_is_gone_is_done_without(
    browser: Browser, context: BrowserContext, open_page: Page, upstream: Upstream, unique: str
) -> None:
    (worker,) = workers(browser)
    session = browser.new_browser_cdp_session()
    session.send("Target.closeTarget", {"targetId": worker})
    session.detach()
    wait_until(lambda: not workers(browser), what="the end of the worker")
    upstream.post(unique, unique, "meanwhile")
    expect(texts(open_page).first).to_have_text("meanwhile", timeout=20_000)
    expect_state(open_page, "live")
    another = context.new_page()
    open_live(another, f"/users/{unique}")
    expect(texts(another)).to_have_text(["meanwhile"])


@pytest.mark.parametrize(
    "without", ["delete window.SharedWorker", "window.SharedWorker = class { constructor() { throw new Error('no') } }"]
)
def test_a_browser_without_shared_workers_has_a_connection_a_page(
    browser: Browser,
    context: BrowserContext,
    page: Page,
    proxy: CuttingProxy,
    upstream: Upstream,
    unique: str,
    without: str,
) -> None:
    context.add_init_script(without)
    open_live(page, f"/users/{unique}")
    other = context.new_page()
    open_live(other, f"/channels/{unique}")
    assert not workers(browser)
    upstream.post(unique, unique, "to both")
    for each in (page, other):
        expect(texts(each)).to_have_text(["to both"])
    assert proxy.connections == 2


def test_a_seventeenth_view_has_a_connection_of_its_own(
    context: BrowserContext, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    pages = [context.new_page() for _ in range(17)]
    for number, page in enumerate(pages):
        page.goto(f"/users/{unique}-{number}")
    for page in pages:
        expect_state(page, LIVE)
    upstream.post(unique, f"{unique}-16", "to the last")
    expect(texts(pages[16])).to_have_text(["to the last"])
    upstream.post(unique, f"{unique}-0", "to the first")
    expect(texts(pages[0])).to_have_text(["to the first"])
    wait_until(lambda: proxy.connections == 2, what="two connections")


def test_names_too_long_for_one_address_are_asked_for_on_several_connections(
    context: BrowserContext, upstream: Upstream, unique: str
) -> None:
    """Servers take lines of 8 KiB, and a name of 200 characters may be 2,400 bytes of one."""
    names = [f"{unique}{number}".ljust(200, "🙂") for number in range(5)]
    pages = [context.new_page() for _ in names]
    for page, name in zip(pages, names, strict=True):
        page.goto(f"/channels/{quote(name)}")
    for page in pages:
        expect_state(page, LIVE)
    for page, name in zip(pages, names, strict=True):
        upstream.post(name, unique, "to this one")
        expect(texts(page)).to_have_text(["to this one"])
        expect_state(page, LIVE)


def test_a_page_that_comes_back_from_far_behind_takes_nothing_from_the_others(
    context: BrowserContext, page: Page, upstream: Upstream, unique: str
) -> None:
    """It misses more than a window holds, and is told to start anew; who read on all the time keeps the history."""
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(120)])
    path = f"/channels/{unique}"
    open_live(page, path)
    away = context.new_page()
    open_live(away, path)
    change_page(away, "pagehide")
    page.get_by_role("link", name="Older messages").click()
    expect(texts(page)).to_have_count(120)
    page.evaluate("() => scrollTo(0, 0)")
    expect(texts(page).first).to_be_in_viewport()
    for first in range(120, 180, 20):
        upstream.post(unique, unique, *[f"text {number}" for number in range(first, first + 20)])
        expect(texts(page).first).to_have_text(f"text {first + 19}")
    history = texts(page).all_text_contents()
    assert len(history) > 100
    change_page(away, "pageshow")
    expect(texts(away)).to_have_text([f"text {number}" for number in range(179, 129, -1)])
    upstream.post(unique, unique, "text 180")
    for each in (away, page):
        expect(texts(each).first).to_have_text("text 180")
    shown = texts(page).all_text_contents()
    assert len(shown) >= len(history)
    assert shown == ["text 180", *history][: len(shown)]


def change_page(page: Page, event: str) -> None:
    """As a browser does that keeps a page it has left; under tests it keeps none."""
    page.evaluate("(name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))", event)


def test_a_page_shows_no_older_data_than_it_was_rendered_with(
    context: BrowserContext, open_page: Page, proxy: CuttingProxy
) -> None:
    """The connection was gone before: when it was last heard says nothing of this page."""
    proxy.refuse()
    expect_state(open_page, "disconnected", 6_000)
    page = context.new_page()
    page.goto("/messages")
    expect_state(page, "disconnected")
    shown = re.search(r"\d\d:\d\d:\d\d", page.locator("#status-text").text_content() or "")
    rendered = datetime.fromisoformat(page.locator("body").get_attribute("data-now") or "").astimezone(UTC)
    assert shown
    assert f"{rendered:%H:%M:%S}" <= shown[0]


def test_a_page_that_comes_back_is_no_newer_than_what_it_shows(
    context: BrowserContext, open_page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    """Others have heard the gateway meanwhile; what it said since is not on this page, and does not come."""
    away = context.new_page()
    open_live(away, "/messages")
    expect(away.locator("#status-detail")).to_contain_text("behind")
    change_page(away, "pagehide")
    upstream.post(unique, unique, "meanwhile")
    expect(texts(open_page).first).to_have_text("meanwhile")
    for _ in range(2):
        seen = time_on(open_page, "#status-detail")
        wait_until(partial(is_later_on, open_page, seen), what="a sign of life on the other page")
    proxy.stall()
    change_page(away, "pageshow")
    for page in (open_page, away):
        expect_state(page, "disconnected")
    assert time_on(away, "#status-text") < time_on(open_page, "#status-text")


def is_later_on(page: Page, time: str) -> bool:
    return time_on(page, "#status-detail") > time


def test_a_paused_page_says_from_when_what_it_shows_is(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    """The time of the pause, whatever becomes of the connection; the snapshot's, where it had to take one."""
    open_live(page, f"/channels/{unique}")
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "paused")
    paused = time_on(page, "#status-text")
    proxy.refuse()
    expect_state(page, "reconnecting")
    assert time_on(page, "#status-text") == paused
    proxy.heal()
    expect_state(page, "paused", 15_000)
    assert time_on(page, "#status-text") == paused
    change_page(page, "pagehide")
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(60)])
    posted = datetime.now(UTC)
    change_page(page, "pageshow")
    expect(texts(page).first).to_have_text("text 59")
    expect_state(page, "paused")
    assert time_on(page, "#status-text") >= f"{posted:%H:%M:%S}" > paused


def time_on(page: Page, selector: str) -> str:
    found = re.search(r"\d\d:\d\d:\d\d", page.locator(selector).text_content() or "")
    assert found
    return found[0]
