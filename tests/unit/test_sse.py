"""The event stream parser, against the standard's own rules and examples."""

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from livestream_auditor import sse
from livestream_auditor.sse import EventParser, ServerSentEvent, StreamFormatError, read_events

STREAM = (
    "\ufeff: hello\r\n\r\n"
    "retry: 1500\n"
    'id: ab-1\nevent: snapshot\ndata: {"view":"привет"}\n\n'
    "data\rdata:  two spaces\r\r"
    "id: ab-2\r\nevent: delta\r\ndata: 日本\r\ndata: 語\r\n\r\n"
    "event: nothing\n\n"
    "id: bad\0id\nretry: soon\nunknown: x\ndata:last\n\n"
    "data: never dispatched"
).encode()
EVENTS = [
    ServerSentEvent("snapshot", '{"view":"привет"}', "ab-1", True),
    ServerSentEvent("message", "\n two spaces", "ab-1", False),
    ServerSentEvent("delta", "日本\n語", "ab-2", True),
    ServerSentEvent("message", "last", "ab-2", False),
]


def parse(*pieces: bytes) -> tuple[list[ServerSentEvent], EventParser]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)], parser


def test_a_stream_in_one_piece() -> None:
    events, parser = parse(STREAM)
    assert events == EVENTS
    assert (parser.last_event_id, parser.retry_ms) == ("ab-2", 1500)


def test_a_stream_cut_at_every_byte_reads_the_same() -> None:
    for cut in range(len(STREAM) + 1):
        events, parser = parse(STREAM[:cut], STREAM[cut:])
        assert events == EVENTS, cut
        assert (parser.last_event_id, parser.retry_ms) == ("ab-2", 1500)


def test_a_stream_byte_by_byte_reads_the_same() -> None:
    assert parse(*(STREAM[i : i + 1] for i in range(len(STREAM))))[0] == EVENTS


def test_an_id_may_be_reset() -> None:
    events, parser = parse(b"id: 1\ndata: a\n\nid\ndata: b\n\n")
    assert [event.id for event in events] == ["1", ""]
    assert parser.last_event_id == ""


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_an_id_counts_from_the_end_of_its_event_on(line_end: str) -> None:
    """A client that is cut in between would else return as if it had been told the event."""
    stream = line_end.join(["id: 1", "data: a", "", "data: b", "id: 2", "", ""]).encode()
    parser, told = EventParser("0"), 0
    for at in range(len(stream)):
        told += len(list(parser.feed(stream[at : at + 1])))
        assert parser.last_event_id == str(told)
    assert told == (1 if line_end == "\r" else 2)


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert parse(b"data: \xff\n\n")[0] == [ServerSentEvent("message", "\ufffd", "", False)]


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_MAX_EVENT_BYTES", 100)
    with pytest.raises(StreamFormatError):
        parse(b"data: " + b"x" * 60 + b"\n", b"data: " + b"x" * 60)


async def test_events_of_a_response() -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for start in range(0, len(STREAM), 7):
            await response.write(STREAM[start : start + 7])
        return response

    app = web.Application()
    app.router.add_get("/stream", stream)
    async with TestServer(app) as server, ClientSession() as session:
        async with session.get(server.make_url("/stream")) as response:
            assert [event async for event in read_events(response, EventParser())] == EVENTS
        async with session.get(server.make_url("/missing")) as response:
            with pytest.raises(StreamFormatError, match="404"):
                _ = [event async for event in read_events(response, EventParser())]
