"""What a page says and does when its connection is cut, refused or stalled: nothing is lost, nothing shown twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import LIVE, expect_state, open_live, texts, texts_of
from tests.e2e.upstream import Upstream
from tests.support.stacks import RunningStack
from tests.support.waiting import wait_until

# The contract's limit for telling that a connection is gone.
DISCONNECTED_MS = 5_000


def test_a_cut_connection_comes_back_by_itself(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    open_live(page, f"/channels/{unique}")
    upstream.post(unique, unique, "before")
    expect(texts(page)).to_have_text(["before"])
    proxy.cut()
    upstream.post(unique, unique, "meanwhile")
    expect(texts(page)).to_have_text(["meanwhile", "before"])
    expect_state(page, "live")


def test_a_stream_that_is_cut_again_and_again_loses_and_repeats_nothing(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    open_live(page, "/messages")
    with upstream.posting(unique, unique) as posted:
        for _ in range(5):
            wait_until(partial(shows_later_than, page, unique, len(posted)), what="newer messages on the page")
            proxy.cut()
    expect(texts(page).first).to_have_text(posted[-1])
    assert texts_of(page, unique) == posted[::-1][:200]


def shows_later_than(page: Page, user: str, number: int) -> bool:
    shown = texts_of(page, user)
    return bool(shown) and int(shown[0].removeprefix(f"{user} ")) > number


def test_a_refused_connection_is_told_within_five_seconds(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    upstream.post_and_see(unique, unique, "before")
    open_live(page, f"/users/{unique}")
    proxy.refuse()
    expect_state(page, "disconnected", DISCONNECTED_MS)
    expect(page.get_by_role("status")).to_contain_text("Disconnected. Showing data from")
    upstream.post_and_see(unique, unique, "meanwhile")
    expect(texts(page)).to_have_text(["before"])
    page.get_by_role("link", name="Refresh").click()
    expect(texts(page)).to_have_text(["meanwhile", "before"])
    expect_state(page, "disconnected", DISCONNECTED_MS + 1_000)
    page.get_by_role("link", name="Refresh").focus()
    upstream.post(unique, unique, "then")
    proxy.heal()
    expect(texts(page)).to_have_text(["then", "meanwhile", "before"], timeout=15_000)
    expect_state(page, "live")
    expect(page.get_by_role("link", name="Refresh")).to_be_hidden()
    expect(page.get_by_role("button", name="Pause")).to_be_focused()


def test_reconnecting_is_said_before_disconnected(page: Page, proxy: CuttingProxy) -> None:
    open_live(page, "/")
    proxy.refuse()
    expect_state(page, "reconnecting", DISCONNECTED_MS)
    expect(page.get_by_role("status")).to_contain_text("Reconnecting… Showing data from")
    expect_state(page, "disconnected", DISCONNECTED_MS)


def test_a_stalled_connection_counts_as_cut(page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str) -> None:
    open_live(page, f"/channels/{unique}")
    proxy.stall()
    expect_state(page, "disconnected", DISCONNECTED_MS)
    upstream.post(unique, unique, "meanwhile")
    proxy.heal()
    expect(texts(page)).to_have_text(["meanwhile"], timeout=15_000)
    expect_state(page, "live")


def test_a_page_without_a_gateway_still_shows_what_is_there(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    upstream.post_and_see(unique, unique, "there")
    proxy.refuse()
    page.goto(f"/users/{unique}")
    expect(texts(page)).to_have_text(["there"])
    expect(page.get_by_role("status")).to_have_text("Connecting…")
    expect_state(page, "disconnected", DISCONNECTED_MS + 1_000)


def test_back_online_it_reconnects_at_once(page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str) -> None:
    """Who has failed often waits for up to ten seconds. The offline switch of tests stops no stream of a worker."""
    open_live(page, f"/channels/{unique}")
    proxy.refuse()
    refused = proxy.refused
    wait_until(lambda: proxy.refused >= refused + 5, timeout_s=60, what="attempts that fail")
    upstream.post(unique, unique, "meanwhile")
    proxy.heal()
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(texts(page)).to_have_text(["meanwhile"], timeout=2_000)
    expect_state(page, "live")


def test_a_hidden_page_leaves_its_connection_to_others_until_it_is_shown(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    open_live(page, f"/channels/{unique}")
    set_hidden(page, hidden=True)
    wait_until(lambda: proxy.is_idle, timeout_s=20, what="the end of the connection")
    upstream.post(unique, unique, "meanwhile")
    set_hidden(page, hidden=False)
    expect(texts(page)).to_have_text(["meanwhile"])
    expect_state(page, "live")


def set_hidden(page: Page, *, hidden: bool) -> None:
    """As another tab in front would: a browser without windows hides no page by itself."""
    page.evaluate(
        "(hidden) => { Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_page_that_is_brought_back_from_the_browser_s_cache_goes_on(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str
) -> None:
    open_live(page, f"/channels/{unique}")
    change_page(page, "pagehide")
    wait_until(lambda: proxy.is_idle, timeout_s=20, what="the end of the connection")
    upstream.post(unique, unique, "meanwhile")
    change_page(page, "pageshow")
    expect(texts(page)).to_have_text(["meanwhile"])
    expect_state(page, "live")


def change_page(page: Page, event: str) -> None:
    """As a browser does that keeps a page it has left; under tests it keeps none."""
    page.evaluate("(name) => dispatchEvent(new PageTransitionEvent(name, { persisted: true }))", event)


@pytest.mark.parametrize("path", ["/", "/messages", "/users/{}"])
def test_a_machine_that_slept_shows_what_there_is_when_it_wakes(
    page: Page, proxy: CuttingProxy, upstream: Upstream, unique: str, path: str
) -> None:
    """More came meanwhile than a window holds, and the line is dead without a word."""
    upstream.post_and_see(unique, unique, "before")
    open_live(page, path.format(unique))
    with asleep():
        proxy.cut()
        upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(450)])
    expect(texts(page).first).to_have_text("text 449", timeout=20_000)
    expect_state(page, "live")
    shown = texts_of(page, unique)
    assert shown == [f"text {number}" for number in range(449, 449 - len(shown), -1)], "a gap, or something twice"


@contextmanager
def asleep() -> Iterator[None]:
    """The browser with all its processes, its pages and workers."""
    browser = [each for each in psutil.Process().children(recursive=True) if "chrom" in each.name()]
    assert browser
    for process in browser:
        process.suspend()
    try:
        yield
    finally:
        for process in browser:
            process.resume()


def test_a_cursor_that_is_no_longer_known_gets_a_snapshot(
    page: Page, stack: RunningStack, upstream: Upstream, unique: str
) -> None:
    upstream.post(unique, unique, "first")
    open_live(page, f"/users/{unique}")
    stack.restart("valkey")
    upstream.post(unique, unique, "second")
    expect(texts(page)).to_have_text(["second", "first"], timeout=30_000)
    expect_state(page, LIVE, 30_000)
    upstream.post(unique, unique, "third")
    expect(texts(page)).to_have_text(["third", "second", "first"])


def test_a_page_says_that_updates_are_delayed(page: Page, stack: RunningStack, upstream: Upstream, unique: str) -> None:
    open_live(page, f"/channels/{unique}")
    stack.pause("projector")
    try:
        expect_state(page, "stale", 15_000)
        expect(page.get_by_role("status")).to_have_text("Updates are delayed")
    finally:
        stack.resume("projector")
    upstream.post(unique, unique, "at last")
    expect(texts(page)).to_have_text(["at last"], timeout=30_000)
    expect_state(page, "live", 30_000)


def test_a_page_says_that_the_data_is_being_rebuilt(
    page: Page, stack: RunningStack, upstream: Upstream, unique: str
) -> None:
    upstream.post(unique, unique, "before")
    open_live(page, f"/channels/{unique}")
    expect(texts(page)).to_have_text(["before"])
    stack.stop("projector")
    stack.restart("valkey")
    expect_state(page, "rebuilding", 15_000)
    expect(texts(page)).to_have_text(["before"])
    stack.start("projector")
    upstream.post(unique, unique, "after")
    expect(texts(page)).to_have_text(["after", "before"], timeout=30_000)
    expect_state(page, "live", 30_000)


def test_a_page_that_could_not_be_rendered_shows_itself_later(
    page: Page, stack: RunningStack, upstream: Upstream, unique: str
) -> None:
    upstream.post(unique, unique, "there")
    stack.stop("valkey")
    response = page.goto(f"/users/{unique}")
    assert response
    assert response.status == 503
    expect(page.get_by_role("status")).to_contain_text("cannot be reached")
    stack.start("valkey")
    expect(texts(page)).to_have_text(["there"], timeout=30_000)
    expect_state(page, LIVE, 30_000)
