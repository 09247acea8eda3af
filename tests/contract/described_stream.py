"""A client of a running gateway that holds every event, and the response's headers, against docs/asyncapi.yaml."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from livestream.cursor import Cursor
from livestream.frames import View
from tests.contract.asyncapi_document import DOCUMENT, check, validator
from tests.support.streaming import StreamClient

_HEADERS = DOCUMENT["components"]["messageBindings"]["eventStream"]["http"]["headers"]


class DescribedStream:
    """One response. `reasons` are those of the snapshots so far, by view."""

    def __init__(self, response: ClientResponse, *views: View) -> None:
        self.client = StreamClient(response, views)
        self.reasons: dict[str, str] = {}

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event's name and data."""
        event, data = await self.client.next()
        check(event.event, data, {"event": event.event, **({"id": event.id} if event.has_id else {})})
        if event.event == "snapshot":
            self.reasons[data["view"]] = data["reason"]
        return event.event, data

    async def to_first_position(self) -> tuple[list[str], Cursor]:
        """Read until an event completes a position; the names of the events, and the position."""
        names: list[str] = []
        while (position := self.client.position()) is None:
            names.append((await self.next())[0])
        return names, position

    async def until(self, event: str, view: View, key: str) -> dict[str, Any]:
        """The next such event of a view that has such a key."""
        while True:
            name, data = await self.next()
            if name == event and data.get("view") == str(view) and key in data:
                return data


@asynccontextmanager
async def described_stream(
    session: ClientSession, url: str, *views: View, last_event_id: object = None
) -> AsyncIterator[DescribedStream]:
    """`url` as it goes over the wire; `views` are those that it names."""
    headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
    async with session.get(URL(url, encoded=True), headers=headers) as response:
        shown = {name: response.headers[name] for name in _HEADERS["properties"] if name in response.headers}
        validator(_HEADERS).validate(shown)
        yield DescribedStream(response, *views)
