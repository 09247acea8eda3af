"""How `./live send` deals with what ingest answers; the server here says at will what a real one says in trouble."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port

from livestream_local.errors import LauncherError
from livestream_local.send import sender as sender_module
from livestream_local.send.ids import with_id
from livestream_local.send.sender import LineError, Sender, Tally
from livestream_local.send.source import Line

LINES = [Line(number, json.dumps({"id": f"i{number}"}).encode()) for number in range(11, 16)]


class Ingest:
    """Answers what it was told to, in turn, and keeps what it got."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.bodies: list[list[Any]] = []
        self.waits: list[float] = []
        self.notices: list[str] = []
        self.tally = Tally()
        self.url = ""

    def answers_with(self, status: int, body: dict[str, Any], **headers: str) -> None:
        self.answers.append(web.json_response(body, status=status, headers=headers))

    async def handle(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-ndjson"
        self.bodies.append([json.loads(line)["id"] for line in (await request.read()).split(b"\n")])
        return self.answers.pop(0)

    async def send(self, lines: list[Line]) -> Tally:
        async def pause(seconds: float) -> None:
            self.waits.append(seconds)

        async with ClientSession() as session:
            await Sender(session, self.url, self.tally, notice=self.notices.append, pause=pause).send(lines)
        return self.tally


@pytest.fixture
async def ingest() -> AsyncIterator[Ingest]:
    ingest = Ingest()
    app = web.Application()
    app.router.add_post("/v1/messages", ingest.handle)
    async with TestServer(app) as server:
        ingest.url = str(server.make_url("/"))
        yield ingest


async def test_accepted_lines_are_counted(ingest: Ingest) -> None:
    ingest.answers_with(202, {"accepted": 5, "ids": ["x"] * 5})
    tally = await ingest.send(LINES)
    assert (tally.accepted, tally.refused, tally.last_line) == (5, 0, 15)


@pytest.mark.parametrize(("status", "accepted"), [(207, 3), (422, 0)])
async def test_refused_lines_are_named_by_their_number(ingest: Ingest, status: int, accepted: int) -> None:
    errors = [{"index": 1, "field": "text", "detail": "is required"}, {"index": 3, "field": None, "detail": "no JSON"}]
    ingest.answers_with(status, {"accepted": accepted, "errors": errors})
    tally = await ingest.send(LINES)
    assert (tally.accepted, tally.refused) == (accepted, 5 - accepted)
    assert tally.errors == [LineError(12, "text", "is required"), LineError(14, None, "no JSON")]
    assert [str(error) for error in tally.errors] == ["line 12, text: is required", "line 14: no JSON"]


@pytest.mark.parametrize("status", [429, 503])
async def test_the_rest_is_sent_again_when_ingest_asks_to_wait(ingest: Ingest, status: int) -> None:
    ingest.answers_with(status, {"accepted": 2, "detail": "slow down"}, **{"Retry-After": "3"})
    ingest.answers_with(status, {}, **{"Retry-After": "7"})
    ingest.answers_with(207, {"accepted": 2, "errors": [{"index": 0, "detail": "is bad"}]})
    tally = await ingest.send(LINES)
    assert ingest.bodies == [["i11", "i12", "i13", "i14", "i15"], ["i13", "i14", "i15"], ["i13", "i14", "i15"]]
    assert (tally.accepted, tally.refused, tally.last_line) == (4, 1, 15)
    assert tally.errors == [LineError(13, None, "is bad")]
    assert 3 <= ingest.waits[0] < 4 <= 7 <= ingest.waits[1] < 8
    assert "slow down" in ingest.notices[0]


async def test_lines_without_an_id_keep_the_one_they_get(ingest: Ingest) -> None:
    ingest.answers_with(500, {})
    ingest.answers_with(202, {"accepted": 2})
    await ingest.send([Line(1, b'{"text":"a"}'), Line(2, b"{}")])
    first, again = ingest.bodies
    assert first == again
    assert len(set(first)) == 2


async def test_a_request_that_can_never_succeed_stops(ingest: Ingest) -> None:
    ingest.answers_with(403, {"title": "Forbidden", "detail": "this key may not write #a"})
    with pytest.raises(LauncherError, match="403 this key may not write #a"):
        await ingest.send(LINES)
    assert ingest.tally.accepted == 0


async def test_it_gives_up_when_nothing_is_taken_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "GIVE_UP_SECONDS", 0.2)
    gone = Ingest()
    gone.url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(LauncherError, match=r"taken nothing for .* does not answer \(Connection refused\)$"):
        await gone.send(LINES)
    assert len(gone.notices) == 1 < len(gone.waits), "what goes on is not told at each attempt"


async def test_what_goes_on_is_told_again_after_a_while_and_what_is_new_at_once(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status, detail in ((503, "Kafka is away"), (503, "Kafka is away"), (429, "slow down"), (202, "")):
        ingest.answers_with(status, {"accepted": 0, "detail": detail})
    await ingest.send(LINES)
    assert [notice.partition(";")[0] for notice in ingest.notices] == ["503 Kafka is away", "429 slow down"]
    monkeypatch.setattr(sender_module, "REMIND_SECONDS", 0.0)
    for status in (503, 503, 202):
        ingest.answers_with(status, {"accepted": 0, "detail": "Kafka is away"})
    await ingest.send(LINES)
    assert len(ingest.notices) == 4


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"text":"x"}', b'{"id":"new","text":"x"}'),
        (b" { } ", b'{"id":"new" } '),
        (b'{"id":"own"}', b'{"id":"own"}'),
        (b'{"id":null}', b'{"id":null}'),
        (b'{"text":"{\\"id\\":1}"}', b'{"id":"new","text":"{\\"id\\":1}"}'),
        (b"[1]", b"[1]"),
        (b'{"text"', b'{"text"'),
        (b"\xff", b"\xff"),
        (b"[" * 100_000, b"[" * 100_000),
    ],
)
def test_ids_are_added_where_they_are_missing(line: bytes, expected: bytes) -> None:
    assert with_id(line, "new") == expected
