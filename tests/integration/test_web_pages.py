"""The pages as they come from the server: complete without scripts, at one cursor, with links that lead everywhere."""

import re
from collections.abc import AsyncIterator, Iterator
from html import escape
from urllib.parse import quote

import pytest

from livestream.cursor import Cursor
from livestream.events import MessagePosted, UserDeleted
from livestream.times import now_ms
from tests.support.kafka_log import KafkaLog
from tests.support.pages import all_pages, link, names, texts
from tests.support.stacks import RunningStack, StartStack
from tests.support.web import WebClient, filled_web

BASE_MS = 1_700_000_000_000
ODD_NAMES = ["a/b", "%2F", "100%", "what?", "#hash", "with space", "🙂", "שלום", "<i>", "{x}", "a&b"]
MESSAGES = [
    MessagePosted(f"room-{number % 3}", f"m{number}", f"user-{number % 620}", f"text {number}", BASE_MS + number)
    for number in range(700)
] + [MessagePosted(name, "1", name, f"from {name}", BASE_MS - 1000) for name in ODD_NAMES]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "web"]) as running:
        yield running


@pytest.fixture(scope="module")
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    async with filled_web(stack, MESSAGES) as client:
        yield client


async def test_home_has_totals_the_newest_and_the_top(web: WebClient) -> None:
    page = (await web.get("/")).text
    assert '<dd data-total="messages">711</dd>' in page
    assert '<dd data-total="users">631</dd>' in page
    assert texts(page) == [f"text {number}" for number in range(699, 649, -1)]
    assert names(page) == ["room-0", "room-1", "room-2", *sorted(ODD_NAMES)[:7]]


async def test_all_messages_can_be_reached_without_scripts(web: WebClient) -> None:
    pages = await all_pages(web, "/messages", "Older messages")
    assert [len(texts(page)) for page in pages] == [200, *[100] * 5, 11]
    assert [text for page in pages for text in texts(page)][:700] == [f"text {number}" for number in range(699, -1, -1)]
    assert link(pages[1], "Newest messages") == "/messages"


async def test_all_messages_of_a_channel_can_be_reached_without_scripts(web: WebClient) -> None:
    pages = await all_pages(web, "/channels/room-1", "Older messages")
    assert [text for page in pages for text in texts(page)] == [f"text {number}" for number in range(697, 0, -3)]


@pytest.mark.parametrize("sort", ["messages", "name", "last_message_at"])
async def test_all_users_can_be_reached_without_scripts(web: WebClient, sort: str) -> None:
    pages = await all_pages(web, f"/users?sort={sort}", "More users")
    assert [len(names(page)) for page in pages] == [500, 131]
    listed = [name for page in pages for name in names(page)]
    assert listed == [row["name"] for row in await web.items(f"/api/v1/users?sort={sort}&limit=500")]
    assert link(pages[1], "First page") == ("/users" if sort == "messages" else f"/users?sort={sort}")


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_have_pages(web: WebClient, name: str) -> None:
    for kind in ("users", "channels"):
        answer = await web.get(f"/{kind}/{quote(name, safe='')}")
        assert answer.status == 200
        assert texts(answer.text) == [f"from {name}"]
        assert f'data-view="{escape(f"{kind}/{name}")}"' in answer.text
        assert f'href="/{kind}/{quote(name, safe="")}"' in answer.text


async def test_a_page_is_rendered_at_a_cursor(web: WebClient) -> None:
    for path in ("/", "/messages", "/channels", "/users?sort=name", "/users/user-1", "/channels/nothing"):
        found = re.search(r'data-cursor="([^"]+)"', (await web.get(path)).text)
        assert found
        assert Cursor.parse(found[1])


async def test_an_unknown_name_is_a_404_with_a_stream(web: WebClient) -> None:
    answer = await web.get("/users/who%20knows")
    assert answer.status == 404
    assert "There is no user of this name" in answer.text
    assert 'data-view="users/who knows"' in answer.text


async def test_a_deleted_user_is_a_404_and_their_text_is_gone(web: WebClient, log: KafkaLog) -> None:
    await log.append([MessagePosted("room-9", "1", "brief", "soon gone", now_ms())])
    await web.wait_for_messages(len(MESSAGES) + 1)
    assert texts((await web.get("/users/brief")).text) == ["soon gone"]
    await log.append([UserDeleted("brief", now_ms() + 1000)])
    await web.wait_for_messages(len(MESSAGES))
    answer = await web.get("/users/brief")
    assert answer.status == 404
    assert "soon gone" not in answer.text
    assert (await web.get("/channels/room-9")).status == 404


@pytest.mark.parametrize("path", ["/nothing", "/users/", "/users/%00", "/users/a/b", "/static/x/y.js", "/messages/"])
async def test_other_paths_say_so_kindly(web: WebClient, path: str) -> None:
    answer = await web.get(path)
    assert answer.status == 404
    assert "There is nothing at this address." in answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/messages?page=x", "/users?page=x", "/users?sort=x", "/users/user-1?page=x"])
async def test_bad_parameters_are_told_on_a_page(web: WebClient, path: str) -> None:
    answer = await web.get(path)
    assert answer.status == 400
    assert re.search(r"(page|sort) must be", answer.text)


async def test_headers_keep_a_page_to_itself(web: WebClient, stack: RunningStack) -> None:
    headers = (await web.get("/")).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "worker-src": "'self'",
        "connect-src": f"'self' 127.0.0.1:{stack.ports.gateway}",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "livestream",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"


async def test_a_host_that_is_none_is_refused(web: WebClient) -> None:
    for path in ("/", "/nothing"):
        answer = await web.get(path, Host="evil; script-src *")
        assert answer.status == 400
        assert answer.body["detail"] == "the Host header must be a host name or an address"


async def test_assets_of_a_page_are_there(web: WebClient) -> None:
    page = (await web.get("/")).text
    paths = set(re.findall(r'"(/static/[^"]+)"', page))
    assert len(paths) > 10
    for path in paths:
        answer = await web.get(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]


async def test_a_worker_may_reach_the_streams_and_nothing_else(web: WebClient, stack: RunningStack) -> None:
    found = re.search(r'"(/static/[^"]+/)live.js"', (await web.get("/")).text)
    assert found
    policy = (await web.get(f"{found[1]}stream-worker.js")).headers["Content-Security-Policy"]
    assert policy == f"default-src 'none'; script-src 'self'; connect-src 127.0.0.1:{stack.ports.gateway}"
    odd = await web.get(f"{found[1]}stream-worker.js", Host="evil; script-src *")
    assert odd.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'self'; connect-src 'none'"
