"""The demo's chat goes on whatever happens; the server here does at will what a real one does in trouble."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from livestream_local.chat.generator import Utterance
from livestream_local.chat.posting import play


class Ingest:
    """Answers with these statuses in turn, then with 202."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.posts: list[tuple[str, list[dict[str, Any]]]] = []
        self.accepted: list[str] = []
        self.app = web.Application()
        self.app.router.add_post("/v1/messages", self._handle)
        self.url = ""

    async def _handle(self, request: web.Request) -> web.Response:
        messages = await request.json()
        self.posts.append((request.headers["Idempotency-Key"], messages))
        status = self.statuses.pop(0) if self.statuses else 202
        if status == 202:
            self.accepted += [message["text"] for message in messages]
        return web.json_response({}, status=status)


@pytest.fixture
async def ingest() -> AsyncIterator[Ingest]:
    ingest = Ingest()
    async with TestServer(ingest.app) as server:
        ingest.url = str(server.make_url("/"))
        yield ingest


def spoken(*texts: str, delay_s: float = 0.06) -> Iterator[Utterance]:
    return (Utterance(delay_s, "c", "u", text, None, "U") for text in texts)


async def test_everything_is_posted_in_order(ingest: Ingest) -> None:
    await play(spoken("a", "b", "c"), ingest.url)
    assert ingest.accepted == ["a", "b", "c"]
    assert ingest.posts[0][1] == [{"channel": "c", "user": "u", "text": "a", "user_display_name": "U"}]


async def test_what_is_said_at_once_goes_together(ingest: Ingest) -> None:
    await play(spoken(*"abcdef", delay_s=0.001), ingest.url)
    assert len(ingest.posts) == 1
    assert ingest.accepted == list("abcdef")


async def test_a_failed_post_is_made_again_under_its_key(ingest: Ingest) -> None:
    ingest.statuses = [503, 429, 202]
    await play(spoken("a", "b"), ingest.url)
    keys = [key for key, _ in ingest.posts]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert ingest.accepted == ["a", "b"]


async def test_a_refused_message_does_not_stop_the_others(ingest: Ingest) -> None:
    ingest.statuses = [422, 207]
    await play(spoken("a", "b", "c"), ingest.url)
    assert ingest.accepted == ["c"]


async def test_it_waits_for_a_server_that_is_away() -> None:
    ingest = Ingest()
    port = unused_port()
    playing = asyncio.create_task(play(spoken("a", "b"), f"http://127.0.0.1:{port}"))
    async with TestServer(ingest.app, port=port):
        await playing
    assert ingest.accepted == ["a", "b"]


async def test_after_an_outage_it_does_not_catch_up(ingest: Ingest) -> None:
    """What was not said while nobody listened is not said in a flood: the pace stays."""
    clock = asyncio.get_running_loop().time
    ingest.statuses = [503] * 6
    started = clock()
    utterances = (Utterance(0.3, "c", "u", "x", None, None) for _ in repeat(None, 6))
    await play(utterances, ingest.url)
    assert clock() - started >= 6 * 0.3
