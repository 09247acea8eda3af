"""Messages and names are found without scripts and through the API: by words, filters, times, links and beginnings."""

import re
from collections.abc import AsyncIterator, Iterator
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from livestream.events import MessageDeleted, MessageEdited, MessagePosted
from livestream.times import format_ms, now_ms
from tests.support.kafka_log import KafkaLog
from tests.support.pages import all_pages, link, texts
from tests.support.stacks import RunningStack, StartStack
from tests.support.waiting import wait_until_async
from tests.support.web import WebClient, filled_web

BASE_MS = 1_700_000_000_000
COUNT = 330
CHANNELS = ["tea", "coffee & more"]
USERS = ["ann", "bob/x", "Zoë"]
ODD_IDS = ["a/b", "100%", "#x", "with space", "?", "é"]


def text_of(number: int) -> str:
    return f"text {number}" + " kettle" * (number % 3 == 0) + " saucer" * (number % 110 == 5)


MESSAGES = [
    MessagePosted(CHANNELS[number % 2], f"m{number}", USERS[number % 3], text_of(number), BASE_MS + number * 1000)
    for number in range(COUNT)
] + [MessagePosted("odd", id_, "odd", f"odd {id_}", BASE_MS - 1000) for id_ in ODD_IDS]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "web"]) as running:
        yield running


@pytest.fixture(scope="module")
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    async with filled_web(stack, MESSAGES) as client:
        yield client


def numbers(rows: list[str]) -> list[int]:
    """Which of the messages these texts are."""
    return [int(text.split()[1]) for text in rows]


def marked(page: str) -> list[str]:
    """The texts of the messages that a page says to look at first."""
    rows = re.findall(r'<li class="message target" id="message" aria-current="true".*?</li>', page, re.DOTALL)
    return [text for row in rows for text in texts(row)]


async def test_words_are_found_newest_first_and_pages_join(web: WebClient) -> None:
    rows = await web.items("/api/v1/messages?q=kettle&limit=20")
    assert [row["text"] for row in rows] == [text_of(n) for n in range(COUNT - 1, -1, -1) if n % 3 == 0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("messages?q=saucer", {"m5", "m115", "m225"}),
        ("messages?q=kettle+saucer", {"m225"}),
        ("messages?q=%22kettle+saucer%22&channel=tea", set()),
        ("messages?q=saucer&user=Zo%C3%AB", {"m5"}),
        ("channels/coffee%20%26%20more/messages?q=saucer", {"m5", "m115", "m225"}),
        ("users/ann/messages?q=saucer&channel=coffee+%26+more", {"m225"}),
        (f"messages?q=saucer&before={format_ms(BASE_MS + 115_000)}", {"m5"}),
        ("messages?q=nowhere", set()),
    ],
)
async def test_words_and_filters_join(web: WebClient, path: str, expected: set[str]) -> None:
    assert {row["id"] for row in await web.items(f"/api/v1/{path}")} == expected


@pytest.mark.parametrize("query", ["q=", f"q={'x' * 201}", "q=%00", "q=!!!", "q=%ff"])
async def test_what_cannot_be_searched_for_is_refused(web: WebClient, query: str) -> None:
    for path in ("messages", "users/ann/messages"):
        answer = await web.get(f"/api/v1/{path}?{query}")
        assert answer.status == 400
        assert answer.body["field"] == "q"
        assert answer.body["detail"].startswith("q must")


async def test_what_was_found_can_all_be_reached_without_scripts(web: WebClient) -> None:
    """Filters stay on the way; the list says that it is not live, and where the live one is."""
    pages = await all_pages(web, "/messages?q=text&channel=tea&user=", "Older messages")
    found = [text for page in pages for text in texts(page)]
    assert numbers(found) == list(range(COUNT - 2, -1, -2))
    assert link(pages[0], "Live page") == "/channels/tea"
    for page in pages:
        assert "data-closed" in page
        assert 'data-view="messages"' in page
        assert 'name="q" type="search" value="text"' in page
        assert 'name="channel" type="text" value="tea"' in page


async def test_fields_that_are_empty_are_dropped(web: WebClient) -> None:
    async with web._session.get(f"{web.url}/messages?q=&channel=tea&user=&at=", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == "/messages?channel=tea"
    everything = (await web.get("/messages?q=&channel=&user=&at=")).text
    assert "data-below" not in everything.partition("<template>")[0]


@pytest.mark.parametrize(
    ("path", "typed", "says"),
    [
        ("/messages?q=!!!&channel=tea", 'value="!!!"', "Search messages must hold a word"),
        ("/messages?q=kettle&at=yesterday", 'value="yesterday"', "Time (UTC) must be a time in UTC"),
        ("/messages?channel=..", 'value=".."', "Channel must not be"),
        ("/messages?user=a%0Ab&q=kettle", 'value="kettle"', "User must not contain control characters"),
        ("/channels/tea?at=soon", 'value="soon"', "Time (UTC) must be a time in UTC"),
        ("/users/ann?at=soon", 'value="soon"', "Time (UTC) must be a time in UTC"),
        (f"/users?q={'x' * 201}", f'value="{"x" * 201}"', "Find users must have 1 to 200 characters"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field(web: WebClient, path: str, typed: str, says: str) -> None:
    answer = await web.get(path)
    assert answer.status == 400
    assert typed in answer.text
    (alert,) = re.findall(r'<p class="error" id="(error-\w+)" role="alert">(.*?)</p>', answer.text)
    assert unescape(alert[1]).startswith(says)
    assert f'aria-invalid="true" aria-describedby="{alert[0]}' in answer.text or f' {alert[0]}"' in answer.text
    assert "<h1>" in answer.text


@pytest.mark.parametrize("path", ["/messages", "/channels/tea", "/users/ann"])
async def test_a_time_is_jumped_to_and_leads_on_both_ways(web: WebClient, path: str) -> None:
    """Together the pages hold each message once, in order."""
    everything = [text for page in await all_pages(web, path, "Older messages") for text in texts(page)]
    everything = [text for text in everything if text.startswith("text")]
    first = (await web.get(f"{path}?at={format_ms(BASE_MS + 150_000)}")).text
    around = numbers(texts(first))
    assert len(around) == (100 if path == "/messages" else len(around))
    assert min(around) < 150 < max(around)
    (target,) = marked(first)
    assert int(target.split()[1]) in range(150, 153)
    newer = await all_pages(web, link(first, "Newer messages"), "Newer messages")
    older = await all_pages(web, link(first, "Older messages"), "Older messages")
    pages = [*reversed(newer), first, *older]
    joined = [text for page in pages for text in texts(page) if text.startswith("text")]
    assert joined == everything
    assert link(first, "Newest messages") == path


@pytest.mark.parametrize(("at", "numbers_shown"), [("1999-01-01", []), ("2100-01-01T00:00", [COUNT - 1])])
async def test_a_time_before_or_after_everything_shows_the_end_that_is_there(
    web: WebClient, at: str, numbers_shown: list[int]
) -> None:
    page = (await web.get(f"/messages?at={at}&channel={quote(CHANNELS[1])}")).text
    shown = numbers(texts(page))
    assert len(shown) == 50
    assert (shown[:1] == numbers_shown) if numbers_shown else (shown[-1] == 1)
    assert len(marked(page)) == 1
    assert (link(page, "Newer messages") is None) == bool(numbers_shown)


async def test_what_was_found_can_be_jumped_in(web: WebClient) -> None:
    page = (await web.get("/messages?q=saucer&at=2023-11-14T22:15:00")).text
    assert numbers(texts(page)) == [225, 115, 5]
    assert numbers(marked(page)) == [115]


async def test_a_message_has_a_page_in_its_channels_context(web: WebClient) -> None:
    page = (await web.get("/channels/tea/messages/m100")).text
    assert numbers(texts(page)) == list(range(150, 48, -2))
    assert numbers(marked(page)) == [100]
    newer, older = link(page, "Newer messages"), link(page, "Older messages")
    assert newer is not None
    assert older is not None
    assert numbers(texts((await web.get(newer)).text))[-1] == 152
    assert numbers(texts((await web.get(older)).text))[0] == 48


async def test_the_newest_and_the_oldest_message_have_pages_too(web: WebClient) -> None:
    newest = (await web.get(f"/channels/tea/messages/m{COUNT - 2}")).text
    assert numbers(texts(newest))[0] == COUNT - 2
    assert link(newest, "Newer messages") is None
    oldest = (await web.get("/channels/tea/messages/m0")).text
    assert numbers(texts(oldest))[-1] == 0
    assert 'rel="next" href="/channels/tea" hidden' in oldest


async def test_every_row_leads_to_its_message(web: WebClient) -> None:
    for path in ("/", "/messages", "/users/odd", "/channels/odd"):
        body = (await web.get(path)).text.partition("<template>")[0]
        rows = re.findall(
            r'<li class="message" data-id="(.*?)".*?<a class="time" href="(.*?)#message"><time datetime=',
            body,
            re.DOTALL,
        )
        assert rows
        for id_, href in rows[:10]:
            answer = await web.get(unescape(href))
            assert answer.status == 200
            assert f'id="message" aria-current="true" data-id="{id_}"' in answer.text


@pytest.mark.parametrize("id_", ODD_IDS)
async def test_a_message_is_one_item_of_the_api(web: WebClient, id_: str) -> None:
    answer = await web.get(f"/api/v1/channels/odd/messages/{quote(id_, safe='')}")
    assert answer.status == 200
    assert answer.body["item"]["id"] == id_
    assert answer.body["item"]["text"] == f"odd {id_}"


@pytest.mark.parametrize(
    "path", ["channels/tea/messages/nothing", "channels/odd/messages/m100", "channels/no/messages/m1"]
)
async def test_a_message_that_is_not_there_is_a_404_that_says_so(web: WebClient, path: str) -> None:
    answer = await web.get(f"/{path}")
    assert answer.status == 404
    assert "This message is not here" in answer.text
    assert link(answer.text, "Home") == "/"
    assert (await web.get(f"/api/v1/{path}")).status == 404


async def test_a_message_that_was_deleted_is_found_nowhere(web: WebClient, log: KafkaLog) -> None:
    await log.append([MessagePosted("brief", "1", "brief", "ephemeral", now_ms())])
    await web.wait_for_messages(len(MESSAGES) + 1)
    assert len(await web.items("/api/v1/messages?q=ephemeral")) == 1
    await log.append([MessageDeleted("brief", "1", now_ms())])
    await web.wait_for_messages(len(MESSAGES))
    assert await web.items("/api/v1/messages?q=ephemeral") == []
    assert "ephemeral" not in "".join(texts((await web.get("/messages?q=ephemeral")).text))
    assert (await web.get("/channels/brief/messages/1")).status == 404
    assert (await web.get("/api/v1/channels/brief/messages/1")).status == 404


@pytest.mark.parametrize(
    "bad", ["/channels/tea/messages/%00", "/channels/tea/messages/%ff", "/channels/%ff/messages/1"]
)
async def test_what_cannot_be_an_id_is_a_404(web: WebClient, bad: str) -> None:
    assert (await web.get(bad)).status == 404
    assert (await web.get(f"/api/v1{bad}")).status == 404


async def test_an_edit_is_searched_by_what_it_says(web: WebClient, log: KafkaLog) -> None:
    await log.append([MessageEdited("tea", "m0", "porcelain", now_ms())])

    async def found() -> list[Any]:
        return await web.items("/api/v1/messages?q=porcelain")

    (row,) = await wait_until_async(found, 20, "the edit")
    assert row["id"] == "m0"
    assert "m0" not in {row["id"] for row in await web.items("/api/v1/messages?q=kettle")}
