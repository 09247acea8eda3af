"""The JSON API on a real read model: rows, orders, pages, filters, and clear refusals."""

from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from livestream.events import MessagePosted
from livestream.times import format_ms
from tests.support.stacks import RunningStack, StartStack
from tests.support.web import OPENAPI, WebClient, filled_web

BASE_MS = 1_700_000_000_000
CHANNELS = ["alpha", "b/c", "#д", "🙂"]
USERS = ["ann", "Zoë", "a%2Fb", "שלום", "only once"]
MESSAGES = [
    MessagePosted(
        channel=CHANNELS[number % 3 if number < 290 else 3],
        id=f"m{number}",
        user=USERS[4] if number == 7 else USERS[number % 4],
        text=f"text {number}",
        ts_ms=BASE_MS + number // 4 * 1000,  # four at a time, so that order is more than time
        user_display_name="Dr. Zoë" if number % 4 == 1 else None,
    )
    for number in range(300)
]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "web"]) as running:
        yield running


@pytest.fixture(scope="module")
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    async with filled_web(stack, MESSAGES) as client:
        yield client


def order_of(row: dict[str, Any]) -> tuple[str, str, int]:
    return (row["ts"], row["channel"], row["offset"])


async def test_the_summary_has_the_totals(web: WebClient) -> None:
    body = (await web.get("/api/v1/summary")).body
    assert body["totals"] == {"messages": 300, "channels": 4, "users": 5}


@pytest.mark.parametrize("limit", [1, 7, 50, 299, 300, 500])
async def test_pages_of_messages_join_without_gap_or_repeat(web: WebClient, limit: int) -> None:
    if limit == 1:
        rows = (await web.get("/api/v1/messages?limit=1")).body["items"]
        assert len(rows) == 1
        return
    rows = await web.items(f"/api/v1/messages?limit={limit}")
    assert [order_of(row) for row in rows] == sorted(map(order_of, rows), reverse=True)
    assert {row["id"]: row["text"] for row in rows} == {event.id: event.text for event in MESSAGES}
    assert len(rows) == len(MESSAGES)


async def test_a_list_without_limit_has_fifty_rows(web: WebClient) -> None:
    for kind in ("messages", "channels", "users"):
        body = (await web.get(f"/api/v1/{kind}")).body
        assert len(body["items"]) == min(50, {"messages": 300, "channels": 4, "users": 5}[kind])
        assert (body["next"] is None) == (kind != "messages")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_messages_of_one_channel(web: WebClient, channel: str) -> None:
    expected = {event.id for event in MESSAGES if event.channel == channel}
    for path in (
        f"/api/v1/channels/{quote(channel, safe='')}/messages?limit=40",
        f"/api/v1/messages?channel={quote(channel, safe='')}&limit=40",
    ):
        rows = await web.items(path)
        assert {row["id"] for row in rows} == expected
        assert all(order_of(above) > order_of(below) for above, below in pairwise(rows))


@pytest.mark.parametrize("user", USERS)
async def test_messages_of_one_user(web: WebClient, user: str) -> None:
    expected = {event.id for event in MESSAGES if event.user == user}
    for path in (f"/api/v1/users/{quote(user, safe='')}/messages", f"/api/v1/messages?user={quote(user, safe='')}"):
        assert {row["id"] for row in await web.items(path)} == expected


async def test_filters_join(web: WebClient) -> None:
    before, after = BASE_MS + 40_000, BASE_MS + 10_000
    expected = {
        event.id
        for event in MESSAGES
        if event.channel == "alpha" and event.user == "ann" and after < event.ts_ms < before
    }
    times = f"before={format_ms(before)}&after={format_ms(after)}"
    assert expected
    for path in (
        f"/api/v1/messages?channel=alpha&user=ann&{times}",
        f"/api/v1/channels/alpha/messages?user=ann&{times}",
        f"/api/v1/users/ann/messages?channel=alpha&{times}&limit=3",
    ):
        assert {row["id"] for row in await web.items(path)} == expected


async def test_times_may_have_any_offset_encoded_or_not(web: WebClient) -> None:
    utc = await web.items(f"/api/v1/messages?before={format_ms(BASE_MS + 2000)}")
    assert len(utc) == 8
    for written in ("2023-11-15T00:13:22%2B02:00", "2023-11-15T00:13:22+02:00"):
        assert await web.items(f"/api/v1/messages?before={written}") == utc


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_channels_in_every_order(web: WebClient, limit: int) -> None:
    counts = {name: sum(event.channel == name for event in MESSAGES) for name in CHANNELS}
    newest = {name: max(event.ts_ms for event in MESSAGES if event.channel == name) for name in CHANNELS}
    expected = {
        "messages": sorted(CHANNELS, key=lambda name: (-counts[name], name)),
        "name": sorted(CHANNELS),
        "last_message_at": sorted(CHANNELS, key=lambda name: (-newest[name], name)),
    }
    for sort, names in expected.items():
        rows = await web.items(f"/api/v1/channels?sort={sort}&limit={limit}")
        assert [row["name"] for row in rows] == names
        assert {row["name"]: row["messages"] for row in rows} == counts
        assert {row["name"]: row["last_message_at"] for row in rows} == {n: format_ms(t) for n, t in newest.items()}


async def test_users_with_their_display_names(web: WebClient) -> None:
    rows = {row["name"]: row for row in await web.items("/api/v1/users?limit=2&sort=name")}
    assert sorted(rows) == sorted(USERS)
    assert rows["Zoë"]["display_name"] == "Dr. Zoë"
    assert "display_name" not in rows["ann"]


@pytest.mark.parametrize("name", USERS)
async def test_one_row(web: WebClient, name: str) -> None:
    body = (await web.get(f"/api/v1/users/{quote(name, safe='')}")).body
    assert body["item"]["name"] == name
    assert body["item"]["messages"] == sum(event.user == name for event in MESSAGES)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/nobody",
        "/api/v1/users/nobody/messages",
        "/api/v1/channels/a%00b",
        "/api/v1/channels/%FF",
        "/api/v1/channels/..%2F/messages",
        "/api/v1/channels/x/y/z",
        "/api/v1/nothing",
        "/api/v2/messages",
    ],
)
async def test_what_is_not_there(web: WebClient, path: str) -> None:
    answer = await web.get(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("messages?page=nonsense", "page"),
        ("messages?page=WyJhIl0", "page"),
        ("channels?page=WzEsImEiLDFd", "page"),
        ("channels?sort=name&page=WyJtZXNzYWdlcyIsLTEsImEiXQ", "page"),
        ("messages?limit=0", "limit"),
        ("messages?limit=501", "limit"),
        ("messages?limit=ten", "limit"),
        ("users?limit=9999999999999999999999", "limit"),
        ("users?limit=%C2%B2", "limit"),
        ("messages?limit=000000001999999999999999999999", "limit"),
        ("users?sort=newest", "sort"),
        ("messages?before=yesterday", "before"),
        ("messages?before=2026-01-02T03:04:05", "before"),
        ("messages?after=2026-02-30T00:00:00Z", "after"),
        ("messages?channel=", "channel"),
        ("messages?channel=%ff", "channel"),
        ("messages?channel=alpha&channel=%ff", "channel"),
        ("messages?user=a%C3", "user"),
        ("users?page=%ff", "page"),
        ("users?sort=%ff", "sort"),
        ("users?limit=%ff", "limit"),
        ("messages?user=a%00b", "user"),
        ("users/ann/messages?channel=..", "channel"),
    ],
)
async def test_a_bad_parameter_is_named(web: WebClient, query: str, field: str) -> None:
    answer = await web.get(f"/api/v1/{query}")
    assert answer.status == 400
    assert answer.body["field"] == field
    assert answer.body["detail"].startswith(f"{field} must")


async def test_other_methods_are_refused(web: WebClient) -> None:
    async with web._session.post(f"{web.url}/api/v1/messages", json={}) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert response.content_type == "application/problem+json"


async def test_the_description_is_served_and_valid(web: WebClient) -> None:
    assert (await web.get("/openapi.json")).body == OPENAPI
    assert OPENAPI["openapi"].startswith("3.1.")


async def test_health_and_metrics(web: WebClient) -> None:
    assert (await web.get("/livez")).status == 200
    assert (await web.get("/readyz")).body["checks"] == {"redis": "ok", "postgres": "ok"}
    metrics = (await web.get("/metrics")).text
    assert 'livestream_web_requests_total{route="/api/v1/users/{name}",status="200"}' in metrics
