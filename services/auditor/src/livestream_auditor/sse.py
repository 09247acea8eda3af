"""A client of `text/event-stream`, as the HTML standard reads it: https://html.spec.whatwg.org/multipage/server-sent-events.html

`EventParser` is pure and takes the bytes in any pieces; `read_events` reads one response.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Final

import msgspec
from aiohttp import ClientResponse

EVENT_STREAM: Final = "text/event-stream"

_BYTE_ORDER_MARK: Final = "\ufeff".encode()
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_MAX_EVENT_BYTES: Final = 64 * 1024 * 1024  # a stream that never ends an event must not fill the memory


class StreamFormatError(Exception):
    """The response is not an event stream, or one of its events does not end."""


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One dispatched event. `id` is the last that the stream named, "" where none was; `has_id`: by this event."""

    event: str
    data: str
    id: str
    has_id: bool


class EventParser:
    """Turns the bytes of a stream into events. `last_event_id` and `retry_ms` are what a client returns with.

    An `id:` counts from the end of its event on: a stream that is cut between the two has not told that event.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self._rest = b""
        self._at_start = True
        self._event = ""
        self._id = last_event_id
        self._has_id = False
        self._data: list[str] = []
        self._data_bytes = 0

    def feed(self, piece: bytes) -> Iterator[ServerSentEvent]:
        """The events that `piece` completes. Raises StreamFormatError."""
        content = self._rest + piece
        if self._at_start:
            if len(content) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(content):
                self._rest = content
                return
            content = content.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        start = 0
        for end in _LINE_END.finditer(content):
            if end.group() == b"\r" and end.end() == len(content):
                break  # the LF that belongs to it may still come
            event = self._take(content[start : end.start()])
            start = end.end()
            if event is not None:
                yield event
        self._rest = content[start:]
        if len(self._rest) + self._data_bytes > _MAX_EVENT_BYTES:
            raise StreamFormatError(f"an event is longer than {_MAX_EVENT_BYTES} bytes")

    def _take(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, content = line.decode("utf-8", "replace").partition(":")
        value = content.removeprefix(" ")
        match field:
            case "data":
                self._data.append(value)
                self._data_bytes += len(line)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id, self._has_id = value, True
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value)
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, event, has_id = self._data, self._event, self._has_id
        self._data, self._event, self._has_id, self._data_bytes = [], "", False, 0
        self.last_event_id = self._id
        if not data:
            return None
        return ServerSentEvent(event or "message", "\n".join(data), self.last_event_id, has_id)


async def read_events(response: ClientResponse, parser: EventParser) -> AsyncIterator[ServerSentEvent]:
    """The events of one response until it ends. Raises StreamFormatError, and aiohttp.ClientError where it breaks."""
    if response.status != 200 or response.content_type != EVENT_STREAM:
        raise StreamFormatError(f"{response.url} answers {response.status} with {response.content_type}, not a stream")
    async for piece in response.content.iter_any():
        for event in parser.feed(piece):
            yield event
