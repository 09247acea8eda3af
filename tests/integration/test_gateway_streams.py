"""Streams over HTTP, on a real Valkey and a real Postgres: addresses, headers, encodings, order, reasons."""

import asyncio
import zlib

import pytest
from yarl import URL

from livestream.cursor import Cursor
from livestream.frames import View, ViewKind
from livestream_auditor.sse import EventParser, ServerSentEvent
from livestream_gateway.metrics import VIEW_READS
from livestream_local.ports import free_ports
from tests.support.chat_model import DeleteMessage, DeleteUser, Edit, Post
from tests.support.streaming import ReadModelWriter, RunningGateway, assert_holds, running_gateway

HOME, MESSAGES, USERS = View(ViewKind.HOME), View(ViewKind.MESSAGES), View(ViewKind.USERS)
ANN = View(ViewKind.USER, "ann")


async def publish_many(writer: ReadModelWriter, count: int, user: str = "ann") -> None:
    """One batch a message."""
    for _ in range(count):
        number = writer.chat.offset
        await writer.publish(Post("c", str(number), user, 1000 + number, 1000 + number, "tèxt 😀"))


async def test_status_comes_first_then_the_snapshot_then_what_happens(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    await publish_many(writer, 3)
    async with gateway.open(HOME) as client:
        first, _ = await client.next()
        event, data = await client.next_of("snapshot", "delta")
        assert (first.event, event.event, data["reason"]) == ("status", "snapshot", "start")
        assert event.id == str(writer.cursor)
        await publish_many(writer, 1, "bob")
        event, data = await client.next_of("snapshot", "delta")
        assert event.event == "delta"
        assert data.keys() == {"view", "as_of", "totals", "messages", "channels", "users"}
        assert [row["name"] for row in data["users"]] == ["bob"]
        assert_holds(client, writer.chat, [HOME])


async def test_several_views_share_a_connection_and_its_position(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    views = [HOME, ANN, View(ViewKind.CHANNEL, "c"), USERS]
    async with gateway.open(*views) as client:
        await client.reach(writer.cursor)
        snapshots = [event for event, _ in client.events if event.event == "snapshot"]
        assert [event.has_id for event in snapshots] == [False, False, False, True]
        seen = len(client.events)
        await publish_many(writer, 1)
        await client.reach(writer.cursor)
        deltas = [event for event, _ in client.events[seen:] if event.event == "delta"]
        assert [event.has_id for event in deltas] == [False, False, False, True]
        assert_holds(client, writer.chat, views)


async def test_views_without_a_change_are_silent_and_their_cursors_do_not_age(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    async with gateway.open(ANN) as client:
        await client.next_of("snapshot")
        await publish_many(writer, 5, "bob")
        await client.reach(writer.cursor)
        assert [event for event, _ in client.frames] == ["snapshot"]


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_gzip_carries_the_same_events(writer: ReadModelWriter, gateway: RunningGateway, encoding: str) -> None:
    await publish_many(writer, 60)
    async with gateway.open(HOME, MESSAGES, headers={"Accept-Encoding": encoding}) as client:
        assert client.response.headers.get("Content-Encoding") == ("gzip" if encoding == "gzip" else None)
        await client.reach(writer.cursor)
        await publish_many(writer, 3)
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, [HOME, MESSAGES])


async def test_gzip_is_read_by_zlib_byte_by_byte(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    await publish_many(writer, 1)
    url, headers = f"{gateway.url}/v1/streams/home", {"Accept-Encoding": "gzip"}
    inflate, parser = zlib.decompressobj(31), EventParser()
    events: list[ServerSentEvent] = []
    async with gateway.session.get(url, headers=headers, auto_decompress=False) as response, asyncio.timeout(10):
        while not any(event.event == "snapshot" for event in events):
            events += parser.feed(inflate.decompress(await response.content.read(1)))


async def test_names_are_any_text(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    await writer.publish(Post("c", "1", "a/b ?#%😀", 1, 1))
    path = "/v1/streams/users/a%2Fb%20%3F%23%25%F0%9F%98%80"
    async with gateway.session.get(gateway.url + path, timeout=None) as response, asyncio.timeout(10):
        content = b""
        while b"event: snapshot" not in content or not content.endswith(b"\n\n"):
            content += await response.content.readany()
    assert '"view":"users/a/b ?#%😀"'.encode() in content
    assert '"users":[{"name":"a/b ?#%😀","messages":1'.encode() in content


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/streams", 400),
        ("/v1/streams?view=nothing", 400),
        ("/v1/streams?" + "&".join(["view=home"] * 17), 400),
        ("/v1/streams/nothing", 404),
        ("/v1/streams/users/%FF", 400),
        ("/v1/streams/users/a%0D%0Ab", 400),
        ("/v1/streams?view=home&view=users/%FF", 400),
        ("/v1/streams/users/a/b", 404),
        ("/v1/nothing%0D%0A", 404),
    ],
)
async def test_addresses_of_nothing_are_told(gateway: RunningGateway, path: str, status: int) -> None:
    async with gateway.session.get(URL(gateway.url + path, encoded=True)) as response:
        assert response.status == status
        assert response.content_type == "application/problem+json"
        problem = await response.json(content_type=None)
        assert problem["status"] == status
        assert problem["detail"]


async def test_other_methods_are_told_which_there_are(gateway: RunningGateway) -> None:
    async with gateway.session.post(f"{gateway.url}/v1/streams/home") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert response.content_type == "application/problem+json"


async def test_headers_for_browsers_and_proxies(gateway: RunningGateway) -> None:
    url = gateway.url + "/v1/streams/home"
    origin = "http://127.0.0.1:8080"
    async with gateway.session.head(url, headers={"Origin": origin}) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in response.headers.getall("Vary")
    async with gateway.session.head(url, headers={"Origin": "http://elsewhere:8080"}) as response:
        assert "Access-Control-Allow-Origin" not in response.headers
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "last-event-id",
    }
    async with gateway.session.options(url, headers=asked) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Last-Event-ID" in response.headers["Access-Control-Allow-Headers"]


async def test_http_1_0_has_no_chunks(gateway: RunningGateway) -> None:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writing = await asyncio.open_connection(host, int(port))
    writing.write(b"GET /v1/streams/home HTTP/1.0\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"chunked" not in await reader.readuntil(b"\r\n\r\n")
        assert (await reader.readuntil(b"\n\n")).startswith(b"event: status\ndata: {")
        while (event := await reader.readuntil(b"\n\n")).startswith(b"event: status"):
            pass
        assert event.startswith(b"event: snapshot\ndata: {")
    writing.close()
    await writing.wait_closed()


async def test_who_misses_more_than_the_window_holds_is_behind(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    await publish_many(writer, 250)
    here = writer.cursor
    cases = [
        (MESSAGES, Cursor(here.epoch, 10)),
        (ANN, Cursor(here.epoch, here.sequence - 51)),
    ]
    for view, cursor in cases:
        async with gateway.open(view, cursor=cursor) as client:
            _, data = await client.next_of("snapshot")
            assert data["reason"] == "behind", cursor
            await client.reach(here)
            assert_holds(client, writer.chat, [view])


async def test_home_is_caught_up_by_one_frame_however_long_it_was_away(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    await publish_many(writer, 250)
    async with gateway.open(HOME, cursor=Cursor(writer.epoch, 0)) as client:
        client.views["home"].hold(writer.states[0].expected(HOME))
        event, _ = await client.next_of("delta", "snapshot")
        assert event.event == "delta"
        assert event.id == str(writer.cursor)
        assert_holds(client, writer.chat, [HOME])


async def test_a_cursor_ahead_of_the_gateway_waits_and_is_told_nothing_twice(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    """A page is rendered from Redis, which is ahead of the next tick."""
    async with gateway.open(HOME) as client:
        for _ in range(2):
            await publish_many(writer, 1)
            await client.reach(writer.cursor)
            await publish_many(writer, 1)
            async with gateway.open(HOME, cursor=writer.cursor) as early:
                early.views["home"].hold(writer.chat.expected(HOME))
                await early.reach(writer.cursor)
                assert early.frames == []


async def test_without_postgres_home_goes_on_and_names_wait(writer: ReadModelWriter, redis_url: str) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_ports().postgres}/nothing"
    async with running_gateway(redis_url, nowhere) as gateway, gateway.open(HOME, ANN) as both:
        async with gateway.open(HOME) as client:
            await client.reach(writer.cursor)
            await publish_many(writer, 1)
            await client.reach(writer.cursor)
            assert_holds(client, writer.chat, [HOME])
        for _ in range(2):
            event, _ = await both.next()
            assert event.event == "status"
            assert not event.has_id


async def test_while_one_view_is_read_anew_the_others_go_on_without_a_position(
    writer: ReadModelWriter, gateway: RunningGateway
) -> None:
    """A client that loses its connection then must not come back as if it had been told of all its views."""
    await publish_many(writer, 60)
    async with gateway.open(HOME, ANN) as client:
        await client.reach(writer.cursor)
        seen, cursor = len(client.events), writer.cursor
        async with writer.history_locked():
            await writer.publish(DeleteMessage("c", "59"))
            await publish_many(writer, 1, "bob")
            told, beats = [], 0
            while beats < 2:
                event, data = await client.next()
                told += [data] if event.event == "delta" else []
                beats += event.event == "status"
            assert {data["view"] for data in told} == {"home"}
            assert client.views["home"].window() == writer.chat.expected(HOME)
            assert not any(event.has_id for event, _ in client.events[seen:])
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, [HOME, ANN])
        (frame,) = [data for event, data in client.frames[2:] if data["view"] == str(ANN)]
        assert [row["id"] for row in frame["messages"]] == ["9"]
        assert frame["removed"] == {"messages": [["c", "59"]]}
        assert cursor.sequence + 2 == writer.cursor.sequence


async def test_many_clients_cost_one_read(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    await publish_many(writer, 1)
    before = VIEW_READS.labels("messages")._value.get()

    async def watch() -> None:
        async with gateway.open(MESSAGES) as client:
            await client.reach(writer.cursor)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(200):
            tasks.create_task(watch())
    assert VIEW_READS.labels("messages")._value.get() == before + 1


async def test_an_unknown_name_is_live_from_then_on(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    async with gateway.open(ANN) as client:
        _, data = await client.next_of("snapshot")
        assert (data["users"], data["messages"]) == ([{"name": "ann", "messages": 0}], [])
        await publish_many(writer, 1)
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, [ANN])


async def test_what_removals_let_in_is_told_in_full_windows(writer: ReadModelWriter, gateway: RunningGateway) -> None:
    """A user with many messages is deleted; those below come into the windows."""
    await publish_many(writer, 60, "bob")
    await publish_many(writer, 230, "ann")
    views = [HOME, MESSAGES, ANN, View(ViewKind.CHANNEL, "c"), View(ViewKind.USER, "bob")]
    async with gateway.open(*views) as client:
        await client.reach(writer.cursor)
        await writer.publish(DeleteUser("ann", 10_000))
        await writer.publish(Edit("c", "3", "later"))
        await client.reach(writer.cursor)
        assert_holds(client, writer.chat, views)
        assert {event for event, _ in client.frames[len(views) :]} == {"delta"}
