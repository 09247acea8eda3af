"""A viewer like any other: one stream of several views, and what a page would show of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

import aiohttp
import msgspec

from livestream.cursor import Cursor
from livestream.retries import RETRIES, delays, describe
from livestream_auditor.sse import EventParser, ServerSentEvent, StreamFormatError, read_events
from livestream_auditor.verify.view_held import ViewHeld, decode_frame

VIEWS: Final = ("home", "messages", "channels", "users")

HOME_MESSAGES: Final = 50
HOME_NAMES: Final = 10
WINDOW_MESSAGES: Final = 200
WINDOW_NAMES: Final = 500

_WINDOWS: Final = {
    "home": (HOME_MESSAGES, HOME_NAMES),
    "messages": (WINDOW_MESSAGES, 0),
    "channels": (0, WINDOW_NAMES),
    "users": (0, WINDOW_NAMES),
}

_SILENCE_SECONDS: Final = 10.0  # a heartbeat comes every two
_CONNECT_SECONDS: Final = 5.0


class Held(NamedTuple):
    """What the stream's client holds of each view, complete at `cursor`."""

    cursor: Cursor
    views: dict[str, ViewHeld]


class Canary:
    """Follows the stream. `cursor` is the last position that it completed, `problem` what ended its last connection."""

    def __init__(self, stream_url: str) -> None:
        self._url = f"{stream_url.rstrip('/')}/v1/streams"
        self._views: dict[str, ViewHeld] = {}
        self._complete = False
        self._awaited: tuple[Cursor, asyncio.Future[Held]] | None = None
        self.cursor: Cursor | None = None
        self.problem = "it has not answered"

    async def held_at(self, cursor: Cursor, timeout_s: float) -> Held | None:
        """What is held when the stream has completed `cursor` or a later position of its epoch; None if not in time."""
        self._awaited = cursor, asyncio.get_running_loop().create_future()
        self._answer()
        try:
            return await asyncio.wait_for(self._awaited[1], timeout_s)
        except TimeoutError:
            return None
        finally:
            self._awaited = None

    def held_now(self) -> Held | None:
        """What is held, unless the frames of a position are still coming in."""
        if self.cursor is None or not self._complete:
            return None
        return Held(self.cursor, {name: view.copy() for name, view in self._views.items()})

    def trim(self) -> None:
        """Hold no more than the windows: else what a viewer has seen adds up for as long as it watches."""
        for name, view in self._views.items():
            view.trim(*_WINDOWS[name])

    async def follow(self) -> None:
        """Never ends: comes back whenever the stream ends or breaks."""
        parser = EventParser()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
        waits = delays()
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                headers = {"Last-Event-ID": parser.last_event_id} if parser.last_event_id else {}
                parser = EventParser(parser.last_event_id)
                try:
                    query = [("view", view) for view in VIEWS]
                    async with session.get(self._url, params=query, headers=headers) as response:
                        async for event in read_events(response, parser):
                            self._take(event)
                            waits = delays()
                    self.problem = "it ended the stream"
                except (aiohttp.ClientError, TimeoutError, StreamFormatError, msgspec.DecodeError) as error:
                    self.problem = describe(error)
                RETRIES.labels("canary").inc()
                await asyncio.sleep(next(waits))

    def _take(self, event: ServerSentEvent) -> None:
        if event.event in ("snapshot", "delta"):
            frame = decode_frame(event.data)
            view = self._views.setdefault(frame.view, ViewHeld())
            if event.event == "snapshot":
                view.replace(frame)
            else:
                view.change(frame)
            self._complete = False
        if event.has_id and (cursor := Cursor.parse(event.id)) is not None:
            self.cursor, self._complete = cursor, True
            self._answer()

    def _answer(self) -> None:
        if self._awaited is None or self._awaited[1].done():
            return
        wanted, answer = self._awaited
        if self.cursor is None or self.cursor.epoch != wanted.epoch or self.cursor < wanted:
            return
        held = self.held_now()
        if held is not None:
            answer.set_result(held)


@asynccontextmanager
async def following(stream_url: str) -> AsyncIterator[Canary]:
    """A canary that follows the stream meanwhile."""
    canary = Canary(stream_url)
    task = asyncio.create_task(canary.follow())
    try:
        yield canary
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
