"""Each page keeps itself current: counts, rows and their order, names that appear and disappear."""

from functools import partial
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.looks import drawn, name_row, open_live, quoted, shown_names, texts, texts_of, total
from tests.e2e.upstream import Upstream
from tests.support.waiting import wait_until

ODD_TEXTS = [
    "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">",
    "&amp; &lt;b&gt;",
    "  blanks\tand\nlines  ",
    "עברית and العربية \u202eoverride\u202c",
    "👩‍👩‍👧‍👦 e\u0301 Z\u0351\u0344 \u200b\u200d",
    "IRC \x02bold\x02 \x0304,01red\x03",
    "",
    "word" * 500,
]


def test_home_moves(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(f"{unique}-a", unique, "first")
    open_live(page, "/")
    before = upstream.totals()
    expect(total(page, "messages")).to_have_text(f"{before['messages']:,}")
    upstream.post(f"{unique}-b", unique, *[f"text {number}" for number in range(3)])
    expect(texts(page).first).to_have_text("text 2")
    assert texts_of(page, unique) == ["text 2", "text 1", "text 0", "first"]
    expect(total(page, "messages")).to_have_text(f"{before['messages'] + 3:,}")
    expect(total(page, "channels")).to_have_text(f"{before['channels'] + 1:,}")
    expect(total(page, "users")).to_have_text(f"{before['users']:,}")


def test_home_keeps_the_newest_fifty_and_the_top_ten(page: Page, upstream: Upstream, unique: str) -> None:
    open_live(page, "/")
    for busy in range(11):
        upstream.post(f"{unique}-{busy:02}", f"{unique}-{busy:02}", *[f"n {number}" for number in range(60 + busy)])
    expect(name_row(page, "channels", f"{unique}-10").locator(".count")).to_have_text("70")
    expect(page.locator("ol.messages > li")).to_have_count(50)
    for kind in ("channels", "users"):
        top = [row["name"] for row in upstream.listed(f"{kind}?limit=10")]
        wait_until(partial(shows_names, page, kind, top), what=f"top {kind}")


def shows_names(page: Page, kind: str, names: list[str]) -> bool:
    return shown_names(page, kind) == names


def test_messages_move(page: Page, upstream: Upstream, unique: str) -> None:
    open_live(page, "/messages")
    upstream.post(unique, unique, *[f"text {number}" for number in range(5)])
    expect(texts(page).first).to_have_text("text 4")
    assert texts_of(page, unique) == [f"text {number}" for number in range(4, -1, -1)]


@pytest.mark.parametrize("kind", ["channels", "users"])
def test_names_move_in_their_order(page: Page, upstream: Upstream, unique: str, kind: str) -> None:
    one, two = f"{unique}/one", f"{unique} two?"
    upstream.post(one, one, "a", "b")
    upstream.post(two, two, "a")
    open_live(page, f"/{kind}")
    upstream.post(two, two, "b", "c", channel_display_name="The <Two>", user_display_name="The <Two>")
    expect(name_row(page, kind, two).locator(".count")).to_have_text("3")
    expect(name_row(page, kind, two).locator(".shown")).to_have_text("The <Two>")
    expect(name_row(page, kind, two).locator(".plain")).to_have_text(two)
    names = shown_names(page, kind)
    assert names.index(two) < names.index(one)
    name_row(page, kind, two).get_by_role("link").click()
    expect(page).to_have_url(f"{page.url.partition('?')[0]}")
    expect(page.locator("h1 .plain")).to_have_text(two)


def test_a_new_name_enters_the_list_by_name(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post(f"{unique} a", unique, "text")
    upstream.post(f"{unique} c", unique, "text")
    open_live(page, "/channels?sort=name")
    upstream.post(f"{unique} b", unique, "text")
    expect(name_row(page, "channels", f"{unique} b")).to_be_visible()
    names = shown_names(page, "channels")
    assert [name for name in names if name.startswith(unique)] == [f"{unique} {letter}" for letter in "abc"]


@pytest.mark.parametrize("kind", ["channels", "users"])
@pytest.mark.parametrize("odd", ["{}", "{}/?#%2F ü 🙂", "{} שלום"])
def test_a_name_s_page_moves(page: Page, upstream: Upstream, unique: str, kind: str, odd: str) -> None:
    name = odd.format(unique)
    upstream.post(name, name, "first")
    open_live(page, f"/{kind}/{quote(name, safe='')}")
    expect(page.locator("h1 .shown")).to_have_text(name)
    upstream.post(name, name, "second", "third")
    upstream.post(f"{unique} other", f"{unique} other", "not here")
    expect(page.locator("#item .count")).to_have_text("3")
    expect(texts(page)).to_have_text(["third", "second", "first"])


@pytest.mark.parametrize("kind", ["channels", "users"])
def test_an_unknown_name_goes_live_with_its_first_message(
    page: Page, upstream: Upstream, unique: str, kind: str
) -> None:
    response = page.goto(f"/{kind}/{unique}")
    assert response
    assert response.status == 404
    expect(page.locator("#missing")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Connected. Nothing under this name yet")
    upstream.post(unique, unique, "here I am")
    expect(texts(page)).to_have_text(["here I am"])
    expect(page.locator("#missing")).to_be_hidden()
    expect(page.locator("#item .count")).to_have_text("1")
    expect(page.get_by_role("status")).to_have_text("Live")


def test_late_messages_stand_in_their_place(page: Page, upstream: Upstream, unique: str) -> None:
    upstream.post(unique, unique, "an hour old", age_s=3600)
    upstream.post(unique, unique, "new")
    open_live(page, f"/channels/{unique}")
    upstream.post(unique, unique, "half an hour old", age_s=1800)
    upstream.post(unique, unique, "two hours old", age_s=7200)
    expect(texts(page)).to_have_text(["new", "half an hour old", "an hour old", "two hours old"])
    page.reload()
    expect(texts(page)).to_have_text(["new", "half an hour old", "an hour old", "two hours old"])


def test_equal_times_keep_the_order_of_the_log(page: Page, upstream: Upstream, unique: str) -> None:
    open_live(page, f"/channels/{unique}")
    numbers = [f"{number}" for number in range(12)]
    upstream.post(unique, unique, *numbers, ts="2026-01-02T03:04:05Z")
    expect(texts(page)).to_have_text(numbers[::-1])


def test_the_script_and_the_server_draw_the_same(page: Page, upstream: Upstream, unique: str) -> None:
    title = "/users/" + quote(unique)
    open_live(page, title)
    ids = upstream.post(f"#{unique} <b>", unique, *ODD_TEXTS)
    upstream.edit(f"#{unique} <b>", ids[1], ODD_TEXTS[1] + " edited")
    expect(texts(page)).to_have_count(len(ODD_TEXTS))
    expect(page.locator(".edited:visible")).to_have_count(1)
    by_script = drawn(page)
    open_live(page, title)
    assert drawn(page) == by_script
    assert "broken" not in page.title()
    assert texts_of(page, unique) == [t + " edited" * (t == ODD_TEXTS[1]) for t in reversed(ODD_TEXTS)]


def test_edits_and_deletions_reach_open_pages(page: Page, upstream: Upstream, unique: str) -> None:
    ids = upstream.post_and_see(unique, unique, "keep", "to be edited", "to be deleted")
    open_live(page, f"/channels/{unique}")
    upstream.edit(unique, ids[1], "edited")
    expect(texts(page)).to_have_text(["to be deleted", "edited", "keep"])
    upstream.delete_message(unique, ids[2])
    expect(texts(page)).to_have_text(["edited", "keep"])
    expect(page.locator("#item .count")).to_have_text("2")
    upstream.delete_channel(unique)
    expect(texts(page)).to_have_count(0)
    expect(page.locator("#missing")).to_be_visible()
    upstream.post(unique, unique, "anew")
    expect(texts(page)).to_have_text(["anew"])
    expect(page.locator("#item .count")).to_have_text("1")


@pytest.mark.parametrize("path", ["/", "/messages", "/users", "/users/{}", "/channels/{} room", "/users?sort=name"])
def test_a_deleted_user_disappears_everywhere(page: Page, upstream: Upstream, unique: str, path: str) -> None:
    upstream.post(f"{unique} room", f"{unique}", *["secret"] * 30)
    upstream.post(f"{unique} room", f"{unique} stays", "stays")
    open_live(page, path.format(unique))
    expect(page.locator("main")).to_contain_text(unique)
    upstream.delete_user(unique)
    expect(page.locator(f"[data-user={quoted(unique)}], tr[data-name={quoted(unique)}]")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("secret")


def test_a_page_without_scripts_is_complete(browser: Browser, base_url: str, upstream: Upstream, unique: str) -> None:
    upstream.post_and_see(unique, unique, *[f"text {number}" for number in range(60)])
    context = browser.new_context(java_script_enabled=False, base_url=base_url)
    page = context.new_page()
    page.goto("/")
    expect(total(page, "messages")).to_have_text(f"{upstream.totals()['messages']:,}")
    expect(page.get_by_role("status")).to_have_text("Live updates are off.")
    expect(page.get_by_role("link", name="Refresh")).to_be_visible()
    for fallback in page.locator(".fallback").all():
        assert fallback.evaluate("(element) => getComputedStyle(element).animationName") == "none", "it is told at once"
    page.get_by_role("link", name="Users", exact=True).first.click()
    expect(name_row(page, "users", unique).locator(".count")).to_have_text("60")
    page.goto(f"/users/{unique}")
    expect(texts(page)).to_have_text([f"text {number}" for number in range(59, 9, -1)])
    page.get_by_role("link", name="Older messages").click()
    expect(texts(page)).to_have_text([f"text {number}" for number in range(9, -1, -1)])
    context.close()


def test_a_page_that_arrives_in_the_middle_misses_and_repeats_nothing(
    page: Page, upstream: Upstream, unique: str
) -> None:
    with upstream.posting(unique, unique) as posted:
        wait_until(lambda: len(posted) > 5)
        for path in (f"/users/{unique}", "/messages", f"/channels/{unique}"):
            page.goto(path)
            wait_until(partial(has_grown_beyond, posted, len(posted) + 5))
    last = posted[-1]
    expect(texts(page).first).to_have_text(last)
    expected = posted[::-1][:50]
    assert texts_of(page, unique) == expected


def has_grown_beyond(posted: list[str], count: int) -> bool:
    return len(posted) > count
