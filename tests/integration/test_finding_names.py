"""Channels and users are found by how their names begin, in every order, however common the beginning is."""

import re
from collections.abc import AsyncIterator, Iterator
from itertools import product
from random import Random
from urllib.parse import quote, urlencode

import pytest

from livestream import name_search
from livestream.clients import postgres_pool, redis_client
from livestream.deltas import NameRow
from livestream.events import MessagePosted, UserDeleted
from livestream.history import History
from livestream.name_search import NameSearch
from livestream.readmodel import ReadModel
from livestream.serving import NameKind, NameOrder, ServingCopy
from livestream.times import now_ms
from livestream_web import reads
from livestream_web.paging import NameKey, key_of_name
from livestream_web.reads import Reads
from tests.support.kafka_log import KafkaLog
from tests.support.pages import all_pages, link, names
from tests.support.stacks import RunningStack, StartStack
from tests.support.web import WebClient, filled_web

BASE_MS = 1_700_000_000_000
# Name → display name; each of the crowd begins with "c", and every ninth with "cz".
PEOPLE = {
    "zoë": "Zoë Smith", "ZOLA": "", "azo": "", "u1": "Dr. Zo O'Brien", "u2": "(Zo) Жанна", "#zo": "", "a/zo": "zo-zo",
    "ZÖ": "Ærø", "50% zo": "", "\\'zo": "it's \\ zo", "שלום": "דוד זו",
}  # fmt: skip
CROWD = {f"c{'zabdefghi'[number % 9]}-{number}": "" for number in range(240)}
EVERYBODY = PEOPLE | CROWD
BEGINNINGS = [
    "zo", "ZO", "zö", "zoë s", "smith", "o'b", "brien", "(zo", "жан", "#", "#zo", "a/", "50%", "\\", "it's", "ærø",
    "דוד", "c", "cz", "cz-2", "nobody", "%", "_", "zo zo", "!", " ",
]  # fmt: skip


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "web"]) as running:
        yield running


@pytest.fixture(scope="module")
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    """Each writes to a channel of the same name, and some to a second one: so they are known to several partitions."""
    random, events = Random(1), list[MessagePosted]()
    for name, display_name in EVERYBODY.items():
        shown = display_name or None
        for number in range(random.choice([1, 1, 2, 3, 9])):
            ts_ms, elsewhere = BASE_MS + random.randrange(10**6), random.choice(list(CROWD))
            events.append(MessagePosted(name, f"{name} {number}", name, "hi", ts_ms, shown, shown))
            events.append(MessagePosted(elsewhere, f"{name} {number} too", name, "hi", ts_ms + 1, None, shown))
    async with filled_web(stack, events) as client:
        yield client


@pytest.fixture(scope="module")
async def in_process(stack: RunningStack, web: WebClient) -> AsyncIterator[Reads]:  # noqa: ARG001 - filled by it
    """What web reads with, to be told that a few hundred names are many."""
    redis = redis_client(stack.redis_url)
    async with postgres_pool(stack.database_url, 2) as pool:
        yield Reads(ReadModel(ServingCopy(redis), History(pool)), NameSearch(pool))
    await redis.aclose()


async def everything(some: Reads, kind: NameKind, order: NameOrder, beginning: str) -> list[NameRow]:
    """As one reads all names and looks at each."""
    begins = name_search.begins_with(beginning)
    return [row for row in (await some.names(kind, order, 1_000, None)).rows if begins(row)]


@pytest.mark.parametrize(
    ("seen_through", "most_rows"), [(1_000, 20_000), (5, 20_000), (5, 1)], ids=["top", "by the index", "gone through"]
)
@pytest.mark.parametrize("kind", ["channels", "users"])
async def test_every_way_of_looking_finds_the_same(
    in_process: Reads, monkeypatch: pytest.MonkeyPatch, kind: NameKind, seen_through: int, most_rows: int
) -> None:
    """All that begin so, in the order, page by page: whether the top is enough, or the index is, or neither."""
    monkeypatch.setattr(reads, "SEEN_THROUGH_ROWS", seen_through)
    monkeypatch.setattr(name_search, "_MOST_ROWS", most_rows)
    for order, beginning in product(NameOrder, BEGINNINGS):
        found: list[NameRow] = []
        after: NameKey | None = None
        while after is not None or not found:
            page = await in_process.names_beginning(beginning, kind, order, 7, after)
            found += page.rows
            after = page.next
            if after is None:
                break
        assert found == await everything(in_process, kind, order, beginning), (order, beginning)
        assert found == sorted(found, key=lambda row: key_of_name(order, row))


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        ("ZO", {"zoë", "ZOLA", "u1", "u2", "a/zo"}),
        ("zoë s", {"zoë"}),
        ("o'brien", {"u1"}),
        ("жан", {"u2"}),
        ("#zo", {"#zo"}),
        ("50%", {"50% zo"}),
        ("\\", {"\\'zo"}),
        ("it's", {"\\'zo"}),
        ("דוד", {"שלום"}),
        ("nobody", set()),
    ],
)
async def test_the_api_finds_names_and_words_of_display_names(
    web: WebClient, beginning: str, expected: set[str]
) -> None:
    for kind in ("channels", "users"):
        rows = await web.items(f"/api/v1/{kind}?{urlencode({'q': beginning})}&limit=2")
        assert {row["name"] for row in rows} >= expected
        assert {row["name"] for row in rows} - expected <= {"\\'zo"}  # "zo" is a word of what it is called
        listed = {row["name"]: row for row in await web.items(f"/api/v1/{kind}?limit=500")}
        assert all(listed[row["name"]] == row for row in rows)


@pytest.mark.parametrize("sort", ["messages", "name", "last_message_at"])
async def test_what_was_found_is_listed_without_scripts(web: WebClient, sort: str) -> None:
    pages = await all_pages(web, f"/users?q=C&sort={sort}", "More users")
    assert [len(names(page)) for page in pages] == [100, 100, 40]
    found = [name for page in pages for name in names(page)]
    assert found == [row["name"] for row in await web.items(f"/api/v1/users?q=c&sort={sort}")]
    assert set(found) == set(CROWD)
    assert link(pages[0], "All users") == "/users"
    assert "data-closed" in pages[0]
    assert 'name="q" type="search" value="C"' in pages[0]
    assert link(pages[0], "Last message") == "/users?q=C&sort=last_message_at"


async def test_nothing_found_is_said(web: WebClient) -> None:
    page = (await web.get("/channels?q=nobody")).text
    assert names(page) == []
    assert re.search(r'<p class="empty">.*Nothing was found\.</p>', page)


async def test_who_was_deleted_is_not_found(web: WebClient, log: KafkaLog) -> None:
    before = (await web.get("/api/v1/summary")).body["totals"]["messages"]
    await log.append([MessagePosted("passing", "1", "passerby", "hi", now_ms(), None, "Someone")])
    await web.wait_for_messages(before + 1)
    assert [row["name"] for row in await web.items("/api/v1/users?q=some")] == ["passerby"]
    await log.append([UserDeleted("passerby", now_ms() + 1000)])
    await web.wait_for_messages(before)
    for beginning in ("some", "passer"):
        assert await web.items(f"/api/v1/users?q={quote(beginning)}") == []


@pytest.mark.parametrize("query", ["q=", f"q={'x' * 201}", "q=a%00", "q=%ff"])
async def test_what_no_name_begins_with_is_refused(web: WebClient, query: str) -> None:
    answer = await web.get(f"/api/v1/users?{query}")
    assert answer.status == 400
    assert answer.body["field"] == "q"
