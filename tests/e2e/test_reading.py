"""A page lets people read: new messages wait, history loads below, and what moves can be stopped."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.looks import (
    LIVE,
    drawn,
    expect_state,
    name_row,
    open_live,
    read_to_the_first,
    shown_names,
    texts,
    texts_of,
    total,
)
from tests.e2e.upstream import Upstream
from tests.support.waiting import wait_until


@pytest.fixture
def channel(upstream: Upstream, unique: str) -> str:
    """A channel with 180 messages."""
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(180)])
    return unique


def numbers(first: int, last: int) -> list[str]:
    return [f"text {number}" for number in range(first, last - 1, -1)]


@pytest.mark.parametrize("path", ["/channels/{}", "/messages"])
def test_new_messages_wait_for_a_reader_who_scrolled(page: Page, upstream: Upstream, channel: str, path: str) -> None:
    open_live(page, path.format(channel))
    page.locator("ol.messages > li").nth(30).scroll_into_view_if_needed()
    page.mouse.wheel(0, 200)
    expect(page.locator("ol.messages > li").first).not_to_be_in_viewport()
    before = texts(page).all_text_contents()[:50]
    upstream.post(channel, channel, "one")
    expect(page.get_by_role("button", name="1 new message", exact=True)).to_be_visible()
    upstream.post(channel, channel, "two", "three")
    button = page.get_by_role("button", name="3 new messages")
    expect(button).to_be_visible()
    assert texts(page).all_text_contents()[:50] == before
    button.click()
    expect(texts(page).nth(2)).to_have_text("one")
    assert texts_of(page, channel)[:4] == ["three", "two", "one", "text 179"]
    expect(page.locator("ol.messages > li").first).to_be_in_viewport()
    expect(button).to_be_hidden()
    upstream.post(channel, channel, "four")
    expect(texts(page).first).to_have_text("four")


def test_more_new_messages_than_a_window_holds_leave_no_gap(page: Page, upstream: Upstream, channel: str) -> None:
    open_live(page, f"/channels/{channel}")
    page.locator("ol.messages > li").nth(40).scroll_into_view_if_needed()
    page.mouse.wheel(0, 200)
    expect(page.locator("ol.messages > li").first).not_to_be_in_viewport()
    upstream.post(channel, channel, *[f"text {number}" for number in range(180, 240)])
    button = page.get_by_role("button", name="50+ new messages")
    button.click()
    expect(texts(page)).to_have_text(numbers(239, 190))
    read_to_the_first(page)
    expect(texts(page)).to_have_text(numbers(239, 0))


def test_scrolling_back_up_shows_what_waited(page: Page, upstream: Upstream, channel: str) -> None:
    open_live(page, f"/channels/{channel}")
    page.mouse.wheel(0, 2000)
    expect(page.locator("ol.messages > li").first).not_to_be_in_viewport()
    upstream.post(channel, channel, "new")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    page.mouse.wheel(0, -5000)
    expect(texts(page).first).to_have_text("new")


def test_selected_or_focused_messages_stay_where_they_are(page: Page, upstream: Upstream, channel: str) -> None:
    open_live(page, f"/channels/{channel}")
    page.locator("ol.messages .user").nth(1).focus()
    upstream.post(channel, channel, "new")
    button = page.get_by_role("button", name="1 new message")
    expect(button).to_be_visible()
    page.get_by_role("button", name="Pause").focus()
    expect(texts(page).first).to_have_text("new")
    texts(page).nth(1).select_text()
    upstream.post(channel, channel, "newer")
    expect(button).to_be_visible()
    assert texts(page).first.text_content() == "new"
    button.click()
    expect(texts(page).first).to_have_text("newer")


def test_a_message_that_is_read_is_deleted_all_the_same(page: Page, upstream: Upstream, unique: str) -> None:
    ids = upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(60)])
    open_live(page, f"/channels/{unique}")
    page.locator("ol.messages .user").nth(1).focus()
    upstream.delete_message(unique, ids[55])
    expect(texts(page).filter(has_text="text 55")).to_have_count(0)


def test_older_messages_load_below_until_the_first(page: Page, upstream: Upstream, channel: str) -> None:
    open_live(page, f"/users/{channel}")
    expect(texts(page)).to_have_text(numbers(179, 130))
    older = page.get_by_role("link", name="Older messages")
    older.focus()
    wait_until(lambda: ends_by_enter(page), what="the first message of all")
    expect(texts(page)).to_have_text(numbers(179, 0))
    expect(older).to_be_hidden()
    expect(page.get_by_text("No older messages.")).to_be_focused()
    upstream.post(channel, channel, "late", age_s=86_400)
    expect(texts(page)).to_have_text([*numbers(179, 0), "late"])
    by_script = drawn(page)[50:]
    page.goto(f"/users/{channel}")
    link = page.get_by_role("link", name="Older messages").get_attribute("href")
    assert link
    open_live(page, link)
    assert drawn(page) == by_script[:100]


def ends_by_enter(page: Page) -> bool:
    page.keyboard.press("Enter")
    return page.get_by_text("No older messages.").is_visible()


def test_a_page_of_history_stays_one(page: Page, upstream: Upstream, channel: str) -> None:
    page.goto(f"/channels/{channel}")
    link = page.get_by_role("link", name="Older messages").get_attribute("href")
    assert link
    open_live(page, link)
    expect(texts(page)).to_have_text(numbers(129, 30))
    upstream.post(channel, channel, "new")
    ids = [row["id"] for row in upstream.listed(f"channels/{channel}/messages?limit=100")]
    upstream.edit(channel, ids[-1], "edited")
    expect(texts(page).filter(has_text="edited")).to_have_count(1)
    expect(page.locator("#item .count")).to_have_text("181")
    assert "new" not in texts(page).all_text_contents()
    page.get_by_role("link", name="Newest messages").click()
    expect(texts(page).first).to_have_text("new")


def test_pause_stops_what_moves_and_is_remembered(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post(unique, unique, "before")
    open_live(page, "/")
    told = page.get_by_role("button", name="Pause").evaluate(
        "(pause) => { pause.click(); return document.querySelector('#status-text').textContent }"
    )
    assert re.fullmatch("Paused. Showing data from .* UTC", told), "at once"
    before = total(page, "messages").text_content()
    upstream.post(unique, unique, "while paused")
    upstream.post_and_see(unique, f"{unique} brief", "deleted while paused")
    expect(total(page, "messages")).to_have_text(before or "")
    page.reload()
    expect_state(page, "paused")
    expect(texts(page).first).to_have_text("deleted while paused")
    after = total(page, "messages").text_content()
    assert after != before
    upstream.post(unique, unique, "still paused")
    upstream.delete_user(f"{unique} brief")
    expect(texts(page).filter(has_text="deleted while paused")).to_have_count(0)
    assert texts_of(page, unique)[0] == "while paused"
    assert total(page, "messages").text_content() == after
    page.get_by_role("button", name="Resume").click()
    expect(texts(page).first).to_have_text("still paused")
    expect_state(page, "live")


def test_a_focused_row_does_not_move(page: Page, upstream: Upstream, unique: str) -> None:
    one, two = f"{unique} 1", f"{unique} 2"
    upstream.post_and_see(one, unique, "a", "b", "c")
    upstream.post_and_see(two, unique, "a", "b")
    open_live(page, "/channels")
    name_row(page, "channels", two).get_by_role("link").focus()
    before = shown_names(page, "channels")
    upstream.post(two, unique, "c", "d", "e")
    expect(name_row(page, "channels", two).locator(".count")).to_have_text("5")
    assert shown_names(page, "channels") == before
    page.get_by_role("button", name="Pause").focus()
    wait_until(lambda: shown_names(page, "channels").index(two) < shown_names(page, "channels").index(one))


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("path", ["/", "/messages", "/users", "/users/{}", "/nothing"])
def test_nothing_is_wider_than_the_page(page: Page, upstream: Upstream, unique: str, width: int, path: str) -> None:
    name = f"{unique}-{'w' * 150}"
    upstream.post_and_see(name, name, "word" * 300)
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(path.format(name))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/", "/messages", "/channels", "/users", "/users/{}", "/users/nobody-{}"])
def test_the_structure_can_be_read_by_machines(page: Page, upstream: Upstream, unique: str, path: str) -> None:
    upstream.post_and_see(unique, unique, "text")
    page.goto(path.format(unique))
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    for landmark in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(landmark)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_have_count(1)
    expect(page.get_by_role("status")).to_have_count(1)
    expect_state(page, LIVE)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()


MOST_ROWS = 300
MANY = 900


def test_of_a_long_history_only_what_is_looked_at_is_in_the_document(
    page: Page, upstream: Upstream, unique: str
) -> None:
    for first in range(0, MANY, 450):
        upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(first, first + 450)])
    open_live(page, f"/channels/{unique}")
    row = page.locator(f"ol.messages > li:has-text('text {MANY - 1}') .user")
    row.focus()
    seen: set[int] = set()

    def scroll_and_see(key: str, until: str) -> bool:
        page.keyboard.press(key)
        shown = visible_numbers(page)
        assert texts(page).count() <= MOST_ROWS + 1
        assert shown == list(range(shown[0], shown[0] - len(shown), -1)), "a gap, or out of order"
        seen.update(shown)
        return until in texts(page).all_text_contents()

    wait_until(lambda: scroll_and_see("PageDown", "text 0"), timeout_s=120, what="the first message of all")
    assert len(seen) > MOST_ROWS
    expect(page.get_by_role("link", name="Older messages")).to_be_hidden()
    expect(row).to_be_focused()
    row.blur()
    wait_until(lambda: scroll_and_see("PageUp", f"text {MANY - 1}"), timeout_s=120, what="the newest message")
    upstream.post(unique, unique, "and on")
    page.keyboard.press("Home")
    expect(texts(page).first).to_have_text("and on")


def visible_numbers(page: Page) -> list[int]:
    """Of the messages on the screen, from the top; waits for the first one, since a page may scroll before it draws."""
    script = """() => [...document.querySelectorAll("ol.messages .text")].filter((text) => {
        const { top, bottom } = text.getBoundingClientRect();
        return bottom > 0 && top < innerHeight;
    }).map((text) => Number(text.textContent.replace("text ", "")))"""
    page.wait_for_function(f"() => ({script})().length > 0")
    return [int(number) for number in page.evaluate(script)]


def test_a_line_tells_what_is_new_since_the_last_visit(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "seen", "seen too")
    open_live(page, f"/channels/{unique}")
    expect(page.locator(".divider")).to_have_count(0)
    page.goto("/channels")
    upstream.post_and_see(unique, unique, "new", "newer")
    open_live(page, f"/channels/{unique}")
    divider = page.get_by_text("New above, since you were last here")
    expect(divider).to_be_visible()
    expect(page.locator("ol.messages > li", has=divider).locator(".text")).to_have_text("seen too")
    upstream.post(unique, unique, "newest")
    expect(texts(page)).to_have_text(["newest", "newer", "new", "seen too", "seen"])
    expect(page.locator("ol.messages > li", has=divider).locator(".text")).to_have_text("seen too")


def test_the_last_hundred_pages_are_remembered(page: Page, upstream: Upstream, unique: str) -> None:
    """A browser that is used for years holds no line for every name that it has seen."""
    upstream.post_and_see(unique, unique, "seen")
    open_live(page, f"/channels/{unique}")
    others = [[f"/channels/{number}", {"ts": "", "channel": "", "offset": 0}] for number in range(100)]
    page.evaluate("(seen) => localStorage.setItem('livestream.seen', JSON.stringify(seen))", others)
    page.goto("/channels")
    kept = page.evaluate("() => JSON.parse(localStorage.getItem('livestream.seen')).map(([path]) => path)")
    assert kept == [f"/channels/{number}" for number in range(1, 100)] + [f"/channels/{unique}"]
    assert page.evaluate("() => Object.keys(localStorage)") == ["livestream.seen"]


def test_a_page_says_as_of_when_it_is_and_how_far_behind(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "text")
    page.goto(f"/channels/{unique}")
    expect(page.locator("#status-detail")).to_have_text(re.compile(r"^As of \d\d:\d\d:\d\d UTC"))
    expect_state(page, LIVE)
    detail = page.locator("#status-detail")
    expect(detail).to_have_text(re.compile(r"^As of \d\d:\d\d:\d\d UTC, \d\.\d s behind$"))
    first = detail.text_content()
    assert first
    expect(detail).not_to_have_text(first)


def test_what_waited_unseen_is_new_at_the_next_visit(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "seen")
    open_live(page, f"/channels/{unique}")
    page.locator("ol.messages .user").first.focus()
    upstream.post_and_see(unique, unique, "unseen")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    page.goto("/channels")
    open_live(page, f"/channels/{unique}")
    divider = page.get_by_text("New above, since you were last here")
    expect(page.locator("ol.messages > li", has=divider).locator(".text")).to_have_text("seen")


def test_names_do_not_move_while_text_of_them_is_selected(page: Page, upstream: Upstream, unique: str) -> None:
    one, two = f"{unique} 1", f"{unique} 2"
    upstream.post_and_see(one, unique, "a", "b", "c")
    upstream.post_and_see(two, unique, "a", "b")
    open_live(page, "/channels")
    before = shown_names(page, "channels")
    name_row(page, "channels", two).locator(".count").select_text()
    upstream.post(two, unique, "c", "d", "e")
    expect(name_row(page, "channels", two).locator(".count")).to_have_text("5")
    assert shown_names(page, "channels") == before
    page.evaluate("() => getSelection().removeAllRanges()")
    wait_until(lambda: shown_names(page, "channels").index(two) < shown_names(page, "channels").index(one))


def test_messages_do_not_move_under_a_pressed_pointer(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, "first")
    open_live(page, f"/channels/{unique}")
    texts(page).first.hover()
    page.mouse.down()
    upstream.post(unique, unique, "second")
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()
    assert texts_of(page, unique) == ["first"]
    page.mouse.up()
    expect(texts(page)).to_have_text(["second", "first"])
