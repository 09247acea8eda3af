"""Hostile names and texts are shown as they are: as text, that changes nothing around it."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from livestream.cursor import Cursor
from livestream.events import MessageEdited, MessagePosted
from livestream.frames import View, ViewKind
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_auditor.sse import EventParser, ServerSentEvent, read_events
from tests.support.dead_letters import right_partition
from tests.support.hostile import hostile_messages, nfc
from tests.support.html_outline import Outline
from tests.support.ingest import IngestClient
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack
from tests.support.streaming import StreamClient
from tests.support.unharmed import unharmed
from tests.support.upstream_events import caught_up
from tests.support.ways_in import TAKEN, WAYS, Way, encoded
from tests.support.web import WebClient

BIDI = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(autouse=True)
async def _unharmed_by_it(stack: RunningStack) -> AsyncIterator[None]:
    async with unharmed(stack):
        yield


class RecordingParser(EventParser):
    """Keeps the bytes of a stream."""

    def __init__(self) -> None:
        super().__init__()
        self.content = b""

    def feed(self, piece: bytes) -> Any:
        self.content += piece
        return super().feed(piece)


class RecordedClient(StreamClient):
    """A client that also knows the bytes."""

    def __init__(self, response: aiohttp.ClientResponse, views: Sequence[View]) -> None:
        super().__init__(response, views)
        self.parser: RecordingParser = RecordingParser()
        self._events: AsyncIterator[ServerSentEvent] = read_events(response, self.parser)


def assert_no_field_was_injected(content: bytes) -> None:
    """By the lines themselves: what is not one of our own fields, with what we put there, was put there by others."""
    assert b"\r" not in content
    whole, _, _ = content.rpartition(b"\n\n")
    for line in filter(None, whole.split(b"\n")):
        field, _, value = line.partition(b": ")
        match field:
            case b"event":
                assert value in (b"snapshot", b"delta", b"status")
            case b"data":
                assert isinstance(json.loads(value), dict)
            case b"id":
                assert Cursor.parse(value.decode())
            case b"retry":
                assert value.isdigit()
            case _:
                raise AssertionError(f"a line of its own: {line!r}")


@pytest.mark.parametrize("way", [*WAYS, None], ids=lambda way: way.__name__ if way else "direct")
async def test_hostile_names_and_texts_are_shown_as_they_are_and_add_nothing_to_a_stream(
    stack: RunningStack, ingest: IngestClient, log: KafkaLog, serving: ServingCopy, web: WebClient, unique: str,
    way: Way | None,
) -> None:  # fmt: skip
    messages = hostile_messages(unique)
    named = [View(ViewKind.CHANNEL, messages[4]["channel"]), View(ViewKind.USER, messages[10]["user"])]
    views = [*(View(kind) for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)), *named]
    async with aiohttp.ClientSession() as session:
        query = [("view", str(view)) for view in views]
        async with session.get(f"{stack.stream_url}/v1/streams", params=query) as response:
            client = RecordedClient(response, views)
            await client.next_of("snapshot")
            if way:
                assert await way(ingest, [encoded(each) for each in messages]) == [TAKEN] * len(messages)
            else:
                for each in messages:
                    await log.append_raw(encoded(each), right_partition(nfc(each["channel"])))
            _, windows, _ = await caught_up(log, serving)
            await client.reach(windows.stand.cursor)
    assert_no_field_was_injected(client.parser.content)
    expected = {(nfc(each["channel"]), each["id"], nfc(each["user"]), each["text"]) for each in messages}
    streamed = client.views["messages"].window()["messages"]
    assert expected <= {(row["channel"], row["id"], row["user"], row["text"]) for row in streamed}
    for each in messages:
        rows = await web.items(f"/api/v1/messages?channel={quoted(each['channel'])}&user={quoted(each['user'])}")
        assert (each["id"], each["text"]) in {(row["id"], row["text"]) for row in rows}
        item = (await web.get(f"/api/v1/users/{quoted(each['user'])}")).body["item"]
        assert (item["name"], item["display_name"]) == (nfc(each["user"]), nfc(each["user_display_name"]))


def quoted(name: str) -> str:
    return quote(name, safe="")


async def test_pages_gain_no_element_and_no_attribute_from_what_people_wrote(
    log: KafkaLog, serving: ServingCopy, web: WebClient, unique: str
) -> None:
    """Compared with what the same pages consist of for plain names; and no text turns what is around it."""
    plain = MessagePosted(f"{unique}-plain", "1", f"{unique}-plain", "plain", now_ms(), "Plain room", "Plain user")
    edited = MessagePosted(plain.channel, "2", plain.user, "plain", now_ms())
    await log.append([plain, edited, MessageEdited(plain.channel, "2", "edited", now_ms())])
    await caught_up(log, serving)
    allowed = {kind: Outline(await page(web, kind, plain.channel)) for kind in PAGES}
    messages = hostile_messages(unique)
    for each in messages:
        await log.append_raw(encoded(each), right_partition(nfc(each["channel"])))
    await caught_up(log, serving)
    for kind in PAGES:
        for each in messages:
            outline = Outline(await page(web, kind, each["user" if kind == "/users/" else "channel"]))
            assert outline.elements - allowed[kind].elements == set()
            assert_isolated(outline)
            if kind.endswith("/") and kind != "/":
                assert each["text"] in outline.under("p")
                assert nfc(each["channel"]) in outline.values_of("data-channel")
                assert nfc(each["user"]) in outline.under("bdi")
                assert f"/channels/{quoted(nfc(each['channel']))}" in outline.values_of("href")


PAGES = ["/", "/messages", "/channels", "/users", "/channels/", "/users/"]


async def page(web: WebClient, kind: str, name: str) -> str:
    answer = await web.get(kind + quoted(name) if kind.endswith("s/") else kind)
    assert answer.status == 200
    return answer.text


def assert_isolated(outline: Outline) -> None:
    """What can turn the direction of text stands in elements that keep it in, or between characters that do."""
    for path, text in outline.texts:
        if BIDI.search(text) and "bdi" not in path and path[-1] != "p":
            assert path[-1] == "title"
            assert text.startswith("\u2068")
            assert "\u2069 · " in text
