"""What was found stays what it is while the page is open, and its rows stay current; links lead to messages."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.looks import name_row, open_live, read_to_the_first, shown_names, texts
from tests.e2e.upstream import Upstream
from tests.support.waiting import wait_until


@pytest.fixture
def channel(upstream: Upstream, unique: str) -> str:
    """A channel with 180 messages, of which every third holds a word of its own."""
    said = [f"text {number}" + f" {unique}word" * (number % 3 == 0) for number in range(180)]
    upstream.post_and_see(unique, unique, *said)
    return unique


def found(unique: str, first: int, last: int) -> list[str]:
    return [f"text {number} {unique}word" for number in range(first, last - 1, -3)]


def test_what_was_found_takes_edits_and_deletions_and_nothing_new(page: Page, upstream: Upstream, channel: str) -> None:
    """Not even a message that belongs into the part of time that it shows: only the server can tell what matches."""
    ids = {row["text"]: row["id"] for row in upstream.listed(f"channels/{channel}/messages?limit=500")}
    word = f"{channel}word"
    open_live(page, f"/messages?q={word}&channel={channel}")
    expect(texts(page)).to_have_count(60)
    upstream.post(channel, channel, "late, and does not match", age_s=3)
    upstream.post(f"{channel} other", channel, f"late, elsewhere {word}", age_s=3)
    upstream.delete_message(channel, ids[f"text 3 {word}"])
    upstream.edit(channel, ids["text 4"], "edited, and does not match")
    upstream.edit(channel, ids[f"text 0 {word}"], "edited, and on the page")
    expect(texts(page).last).to_have_text("edited, and on the page")
    expect(texts(page)).to_have_text([*found(channel, 177, 6), "edited, and on the page"])


def test_older_results_load_below(page: Page, upstream: Upstream, unique: str) -> None:
    """They are looked for in the same way, and stay as closed as the first ones."""
    word = f"{unique}word"
    for part in range(3):
        upstream.post_and_see(unique, unique, *[f"{word} {part * 80 + number}" for number in range(80)])
        upstream.post(f"{unique} other", unique, *["other"] * 5)
    open_live(page, f"/messages?q={word}&user={unique}")
    expect(texts(page)).to_have_count(100)
    read_to_the_first(page)
    expect(texts(page)).to_have_text([f"{word} {number}" for number in range(239, -1, -1)])
    expect(page.get_by_role("link", name="Older messages")).to_be_hidden()
    upstream.post(f"{unique} other", unique, "late", age_s=1)
    last = upstream.listed(f"channels/{unique}/messages?limit=500")[-1]
    upstream.edit(unique, last["id"], "edited")
    expect(texts(page).last).to_have_text("edited")
    expect(texts(page)).to_have_count(240)


def test_names_that_were_found_stay_current_and_no_others_come(page: Page, upstream: Upstream, unique: str) -> None:
    one, two = f"{unique} one", f"{unique} two"
    upstream.post_and_see(one, one, "a", "b")
    upstream.post_and_see(two, two, "a")
    open_live(page, f"/users?q={unique}")
    assert shown_names(page, "users") == [one, two]
    upstream.post("elsewhere", f"x{unique}", "a")
    upstream.post("elsewhere", f"{unique} three", *"abcdef")
    upstream.post(two, two, "b", "c")
    expect(name_row(page, "users", two).locator(".count")).to_have_text("3")
    wait_until(lambda: shown_names(page, "users") == [two, one])
    upstream.delete_user(one)
    expect(name_row(page, "users", one)).to_have_count(0)
    page.reload()
    wait_until(lambda: shown_names(page, "users") == [f"{unique} three", two])


def test_a_message_is_linked_to_and_scrolled_to(page: Page, channel: str) -> None:
    open_live(page, f"/channels/{channel}")
    row = page.locator("ol.messages > li").nth(30)
    text = row.locator(".text").text_content() or ""
    row.locator("a.time").click()
    expect(page).to_have_url(re.compile(r"/channels/.*/messages/.*#message$"))
    target = page.locator("#message")
    expect(target.locator(".text")).to_have_text(text)
    expect(target).to_be_in_viewport()
    expect(target).to_have_attribute("aria-current", "true")
    expect(page.locator("ol.messages > li").nth(25)).to_have_id("message")
    expect(page.locator("ol.messages > li").nth(24)).to_be_in_viewport()


def test_a_message_that_is_deleted_leaves_its_page(page: Page, upstream: Upstream, unique: str) -> None:
    ids = upstream.post_and_see(unique, unique, "before", "secret", "after")
    open_live(page, f"/channels/{unique}/messages/{ids[1]}#message")
    upstream.delete_message(unique, ids[1])
    expect(texts(page)).to_have_text(["after", "before"])
    response = page.reload()
    assert response
    assert response.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("This message is not here")


def test_one_searches_without_scripts(browser: Browser, base_url: str, channel: str) -> None:
    """From the live page to results, from a result to its context, and on through time in both directions."""
    context = browser.new_context(java_script_enabled=False, base_url=base_url)
    page = context.new_page()
    page.goto("/messages")
    page.get_by_label("Search messages").fill(f"{channel}word")
    page.get_by_label("Channel", exact=True).fill(channel)
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile(rf"/messages\?q={channel}word&channel={channel}#message$"))
    expect(texts(page)).to_have_text(found(channel, 177, 0))
    expect(page.get_by_label("Search messages")).to_have_value(f"{channel}word")
    page.locator("a.time").nth(30).click()
    expect(page.locator("#message .text")).to_have_text(f"text 87 {channel}word")
    page.get_by_role("link", name="Newer messages").click()
    expect(texts(page).last).to_have_text("text 113")
    page.get_by_role("link", name="Newest messages").click()
    expect(texts(page).first).to_have_text("text 179")
    context.close()


def test_one_jumps_to_a_time_without_scripts(browser: Browser, base_url: str, upstream: Upstream, unique: str) -> None:
    items = [
        {"channel": unique, "user": unique, "text": f"text {number}", "ts": f"2026-01-02T03:{number:02}:00Z"}
        for number in range(60)
    ]
    upstream.post_items(items)
    wait_until(lambda: len(upstream.listed(f"messages?limit=500&channel={unique}")) == 60)
    context = browser.new_context(java_script_enabled=False, base_url=base_url)
    page = context.new_page()
    page.goto(f"/channels/{unique}")
    page.get_by_label("Time (UTC)").fill("2026-01-02T03:20")
    page.get_by_role("button", name="Jump").click()
    expect(page.locator("#message .text")).to_have_text("text 20")
    expect(page.locator("#message")).to_be_in_viewport()
    expect(page.get_by_label("Time (UTC)")).to_have_value(re.compile(r"2026-01-02T03:20"))
    context.close()
