"""What a viewer sees, in the words of tests."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.support.waiting import wait_until

LIVE = re.compile("live|idle|missing")


def open_live(page: Page, path: str) -> None:
    """Open a page and wait until it is live."""
    page.goto(path)
    expect_state(page, LIVE)


def expect_state(page: Page, state: str | re.Pattern[str], timeout_ms: float = 10_000) -> None:
    expect(page.locator("#status")).to_have_attribute("data-state", state, timeout=timeout_ms)


def texts(page: Page) -> Locator:
    return page.locator("ol.messages .text")


def texts_of(page: Page, user: str) -> list[str]:
    """The texts of one user's messages, from the top."""
    rows = page.locator(f"ol.messages > li[data-user={quoted(user)}] .text")
    return [str(text) for text in rows.evaluate_all("rows => rows.map((row) => row.textContent)")]


def shown_names(page: Page, kind: str) -> list[str]:
    """The names in a table, from the top."""
    rows = page.locator(f".names[data-kind={kind}] tbody tr")
    return [str(name) for name in rows.evaluate_all("rows => rows.map((row) => row.dataset.name)")]


def drawn(page: Page) -> list[str]:
    """The messages as markup, but for what only marks their arrival."""
    without_mark = (
        "(row) => { const copy = row.cloneNode(true); copy.classList.remove('arrived'); return copy.outerHTML }"
    )
    rows = page.locator("ol.messages > li").evaluate_all(f"rows => rows.map({without_mark})")
    return [str(row) for row in rows]


def read_to_the_first(page: Page) -> None:
    """Scroll down a list until there are no older messages."""
    wait_until(lambda: is_the_first_there(page), what="the first message of all")


def is_the_first_there(page: Page) -> bool:
    page.keyboard.press("End")
    return page.get_by_text("No older messages.").is_visible()


def total(page: Page, of: str) -> Locator:
    return page.locator(f"#totals [data-total={of}]")


def name_row(page: Page, kind: str, name: str) -> Locator:
    return page.locator(f".names[data-kind={kind}] tr[data-name={quoted(name)}]")


def quoted(text: str) -> str:
    """As a CSS string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
