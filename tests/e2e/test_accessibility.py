"""Everybody can use every page in every state: WCAG 2.1 A and AA, as far as a machine can tell."""

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import expect_state, open_live, texts
from tests.e2e.upstream import Upstream
from tests.support.stacks import RunningStack

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = [
    "/",
    "/messages",
    "/messages?q=text",
    "/messages?at=2026-01-02T03:04",
    "/channels",
    "/channels/{}",
    "/channels/{}/messages/known",
    "/users",
    "/users?q=some",
    "/users?sort=name",
    "/users/{}",
    "/users/nobody-{}",
]
PLAIN_PAGES = ["/nothing-here", "/messages?page=x", "/messages?at=x", "/channels/{}/messages/unknown", "/styleguide"]
# WCAG 1.4.10: 400 % of a window 1,280 wide, without scrolling in two directions. 1.4.4: 200 %.
ZOOMED_WIDTHS_PX = {"400 %": 320, "200 %": 640}
# WCAG 1.4.12, in ratios to the font size.
TEXT_SPACING = (
    "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
    " p { margin-bottom: 2em !important }"
)
LONG_NAME = "a-name-as-long-as-they-may-be-" * 6


@pytest.fixture(scope="module")
def somebody(stack: RunningStack) -> str:
    """The name of a channel and of a user who wrote in it, so that no page is empty."""
    name = "somebody <b>&"
    upstream = Upstream(stack.ingest_url, stack.web_url)
    upstream.post_and_see(name, name, *[f"text {number}" for number in range(60)])
    upstream.post(name, name, "has an address", id="known")
    upstream.post_and_see(name, LONG_NAME, "x" * 500, "שלום עולם", "a\u200b\u0301\u0489" * 40)
    return name


def findings(page: Page) -> list[str]:
    """What axe has to say, in both colour schemes."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        violations = Axe().run(page, options=RULES).response["violations"]
        found += [f"{scheme}: {each['id']}: {[node['target'] for node in each['nodes']][:5]}" for each in violations]
    return found


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_on_a_live_page(page: Page, somebody: str, path: str) -> None:
    open_live(page, path.format(quote(somebody)))
    assert findings(page) == []


@pytest.mark.parametrize("path", PLAIN_PAGES)
def test_axe_finds_nothing_on_a_page_that_is_not_live(page: Page, somebody: str, path: str) -> None:
    page.goto(path.format(quote(somebody)))
    assert findings(page) == []


def test_axe_finds_nothing_while_new_messages_wait(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(60)])
    open_live(page, f"/channels/{unique}")
    page.mouse.wheel(0, 1500)
    upstream.post(unique, unique, "new")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    assert findings(page) == []


def pause(page: Page, _: CuttingProxy) -> None:
    page.get_by_role("button", name="Pause").click()


def refuse(_: Page, proxy: CuttingProxy) -> None:
    proxy.refuse()


@pytest.mark.parametrize(
    ("state", "bring_about"), [("paused", pause), ("reconnecting", refuse), ("disconnected", refuse)]
)
def test_axe_finds_nothing_in_states_of_the_page_and_its_line(
    page: Page, proxy: CuttingProxy, state: str, bring_about: Callable[[Page, CuttingProxy], None]
) -> None:
    open_live(page, "/")
    bring_about(page, proxy)
    expect_state(page, state)
    assert findings(page) == []


def test_axe_finds_nothing_in_states_of_the_data(page: Page, stack: RunningStack) -> None:
    open_live(page, "/")
    stack.pause("projector")
    try:
        expect_state(page, "stale", 15_000)
        assert findings(page) == []
    finally:
        stack.resume("projector")
    stack.stop("projector")
    stack.restart("valkey")
    try:
        expect_state(page, "rebuilding", 15_000)
        assert findings(page) == []
        page.goto("/messages")
        assert findings(page) == []
    finally:
        stack.start("projector")
    expect_state(page, "live", 30_000)


@pytest.mark.parametrize("path", [*PAGES, *PLAIN_PAGES])
def test_zoomed_pages_scroll_in_one_direction_only(page: Page, somebody: str, path: str) -> None:
    page.goto(path.format(quote(somebody)))
    for zoom, width in ZOOMED_WIDTHS_PX.items():
        page.set_viewport_size({"width": width, "height": 640})
        assert overflowing(page) == [], zoom


@pytest.mark.parametrize("path", PAGES)
def test_wider_spaced_text_loses_nothing(page: Page, somebody: str, path: str) -> None:
    page.goto(path.format(quote(somebody)))
    page.evaluate(
        "(css) => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css); document.adoptedStyleSheets = [sheet] }",
        TEXT_SPACING,
    )
    assert overflowing(page) == []


def overflowing(page: Page) -> list[Any]:
    """What reaches beyond the window's right edge, if anything makes the page scroll there."""
    found: list[Any] = page.evaluate(
        "() => document.scrollingElement.scrollWidth <= innerWidth ? [] :"
        " [...document.querySelectorAll('body *')]"
        ".filter((each) => each.getBoundingClientRect().right > innerWidth + 1)"
        ".map((each) => each.outerHTML.slice(0, 100))"
    )
    return found


def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(page: Page) -> None:
    open_live(page, "/messages")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.goto("/messages")
    expect_state(page, "live")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const { activeElement: focused } = document; const style = getComputedStyle(focused);"
            " const isOutlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;"
            " return [focused.textContent.trim(), isOutlined] }"
        )
        assert focused[1], f"{focused[0]} does not show that it has the focus"
        reached.append(focused[0])
    assert reached[:6] == ["Skip to content", "Livestream", "Home", "Messages", "Channels", "Users"]
    assert {"Pause", "Announce"} <= set(reached)


def test_the_keyboard_alone_pauses_reads_and_returns(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "first")
    open_live(page, f"/channels/{unique}")
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Space")
    expect_state(page, "paused")
    upstream.post(unique, unique, "second")
    page.keyboard.press("Space")
    expect(texts(page)).to_have_text(["second", "first"])
    page.locator("ol.messages a").first.focus()
    upstream.post(unique, unique, "third")
    button = page.get_by_role("button", name="1 new message")
    expect(button).to_be_visible()
    button.focus()
    page.keyboard.press("Enter")
    expect(texts(page).first).to_have_text("third")
    expect(page.get_by_role("list", name="Messages, newest first")).to_be_focused()


def test_nothing_moves_for_who_wants_no_motion(page: Page, upstream: Upstream, unique: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_live(page, f"/channels/{unique}")
    upstream.post(unique, unique, "new")
    expect(texts(page)).to_have_text(["new"])
    assert (
        page.evaluate("() => document.getAnimations().filter((each) => each.effect.getTiming().duration > 0).length")
        == 0
    )


def test_forced_colours_leave_text_and_edges(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    open_live(page, "/messages")
    expect(page.locator("#status-text")).to_be_visible()
    assert page.evaluate("() => getComputedStyle(document.querySelector('#pause')).borderTopStyle") == "solid"
    assert page.evaluate("() => getComputedStyle(document.querySelector('#status .icon')).display") != "none"


def test_lists_are_no_live_regions_and_one_status_tells_of_changes(page: Page) -> None:
    open_live(page, "/messages")
    assert page.locator("[aria-live], [role=log], [role=alert], [role=status]").count() == 1
    expect(page.get_by_role("list", name="Messages, newest first")).to_have_count(1)


def news(page: Page) -> str:
    return page.locator("#status-news").text_content() or ""


def test_new_messages_are_read_out_for_who_asks_and_never_one_by_one_in_a_burst(
    page: Page, upstream: Upstream, unique: str
) -> None:
    open_live(page, f"/channels/{unique}")
    upstream.post(unique, unique, "unheard")
    expect(texts(page)).to_have_text(["unheard"])
    assert not news(page)
    page.get_by_role("button", name="Announce new messages", pressed=False).click()
    expect(page.get_by_role("button", name="Announce new messages", pressed=True)).to_be_visible()
    upstream.post(unique, unique, "hello")
    expect(page.locator("#status-news")).to_have_text(f"{unique} in {unique}: hello.")
    upstream.post(unique, unique, *[f"text {number}" for number in range(20)])
    expect(texts(page)).to_have_count(22)
    assert news(page) == f"{unique} in {unique}: hello.", "told again at once"
    expect(page.locator("#status-news")).to_have_text("20 new messages.", timeout=20_000)


def test_what_waits_above_is_told_to_who_reads_below(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "first", "second")
    open_live(page, f"/channels/{unique}")
    page.locator("ol.messages a").first.focus()
    upstream.post(unique, unique, "third")
    expect(page.locator("#status-news")).to_have_text("1 new message.")
