"""The styleguide shows what pages are made of, as they are; and the components hold whatever is put into them."""

import re
from importlib import resources

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import LIVE, expect_state, open_live, total

WIDTHS = (320, 390, 640, 1280)
# The words of the page's own status in each state, at the time that the styleguide's examples are of.
WORDS = """async (states) => {
    const live = document.querySelector("script[type=module]").src;
    const { StatusLine } = await import(new URL("status-line.js", live).href);
    const line = new StatusLine();
    return states.map((state) => {
        line.show(state, Date.UTC(2026, 0, 2, 3, 4, 5), {});
        return document.querySelector("#status-text").textContent;
    });
}"""
WIDER_THAN_THEIR_PLACE = """() => [...document.querySelectorAll("main *")]
    .filter((node) => node.closest("svg") === null && !node.closest(".visually-hidden"))
    .filter((node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
    .map((node) => node.outerHTML.slice(0, 200))"""


@pytest.fixture
def guide(page: Page) -> Page:
    answer = page.goto("/styleguide")
    assert answer
    assert answer.status == 200
    return page


def test_it_has_no_script_and_asks_for_nothing_that_the_policy_forbids(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto("/styleguide")
    assert page.locator("script").count() == 0
    assert complaints == []


def test_it_shows_every_token(guide: Page) -> None:
    style = resources.files("livestream_web").joinpath("static/tokens.css").read_text("utf-8")
    declared = list(dict.fromkeys(re.findall(r"--([\w-]+):", style)))
    shown = [str(name) for name in guide.locator("[data-token]").evaluate_all("all => all.map((e) => e.dataset.token)")]
    assert sorted(shown) == sorted(declared)


def test_it_says_of_each_state_what_pages_say(guide: Page) -> None:
    statuses = guide.locator(".statuses .status")
    shown = {
        str(state): str(words)
        for state, words in statuses.evaluate_all("all => all.map((e) => [e.dataset.state, e.innerText.trim()])")
    }
    by_script = [state for state in shown if state != "off"]
    guide.goto("/")
    assert shown.pop("off") == "Live updates are off."
    assert list(shown.values()) == guide.evaluate(WORDS, by_script)


def test_every_icon_is_there(guide: Page) -> None:
    missing = "all => all.map((e) => e.getAttribute('href')).filter((href) => !document.querySelector(href))"
    assert guide.locator("use").evaluate_all(missing) == []
    assert guide.locator("use").count() > len(guide.locator(".statuses .status").all())


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(guide: Page, width: int) -> None:
    """WCAG 1.4.10: at 320 pixels, nothing has to be scrolled sideways, whatever people wrote."""
    guide.set_viewport_size({"width": width, "height": 700})
    assert guide.evaluate(WIDER_THAN_THEIR_PLACE) == []
    assert guide.evaluate("document.scrollingElement.scrollWidth") == width


def test_piled_up_letters_stay_in_their_row(guide: Page) -> None:
    rows = guide.locator(".messages > .message")
    assert rows.first.evaluate("(row) => getComputedStyle(row).contentVisibility") == "auto"
    overflow = "all => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"
    assert rows.locator(".meta").evaluate_all(overflow) == []


def test_what_is_stale_looks_stale(page: Page, proxy: CuttingProxy) -> None:
    """The numbers of a page that is cut off are not those of a page that is live, at a glance."""
    open_live(page, "/")
    number, head = total(page, "messages"), page.locator(".top")
    colour = str(number.evaluate("(e) => getComputedStyle(e).color"))
    line = str(head.evaluate("(e) => getComputedStyle(e).borderBottomColor"))
    proxy.refuse()
    expect_state(page, "disconnected")
    expect(number).not_to_have_css("color", colour)
    expect(head).not_to_have_css("border-bottom-color", line)
    proxy.heal()
    expect_state(page, LIVE, 20_000)
    expect(number).to_have_css("color", colour)


def test_right_to_left_text_is_set_from_the_right(guide: Page) -> None:
    text = guide.locator(".message .text", has_text="הודעה").first
    assert text.evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    names = guide.locator(".message .meta").first
    assert names.evaluate("(e) => getComputedStyle(e).direction") == "ltr"


def test_nothing_moves_for_those_who_want_no_motion(guide: Page) -> None:
    row = guide.locator(".message").first
    duration = "(e) => { e.classList.add('arrived'); return getComputedStyle(e).animationDuration }"
    assert row.evaluate(duration) != "0s"
    guide.emulate_media(reduced_motion="reduce")
    assert row.evaluate(duration) == "0s"


def test_states_and_charts_are_there_in_forced_colours(guide: Page) -> None:
    guide.emulate_media(forced_colors="active")
    border = guide.locator(".statuses .status").first.evaluate("(e) => getComputedStyle(e).borderTopColor")
    assert border != "rgba(0, 0, 0, 0)"
    canvas = guide.evaluate("getComputedStyle(document.body).backgroundColor")
    assert guide.locator(".sparkline").first.evaluate("(e) => getComputedStyle(e).fill") != canvas
    expect(guide.locator(".statuses .status").first).to_be_visible()
