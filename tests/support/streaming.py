"""A gateway in the test's own process, a read model that the test writes itself, and clients of streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import asyncpg
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from livestream.clients import redis_client
from livestream.cursor import Cursor, new_epoch
from livestream.deltas import encode_batch
from livestream.frames import View
from livestream.service import ProcessSettings
from livestream.serving import ProgressReport, PublishOutcome, ServingCopy
from livestream_auditor.sse import EventParser, ServerSentEvent, read_events
from livestream_gateway.app import DRAIN, build_app
from livestream_gateway.drain import Drain
from livestream_gateway.origins import Origins
from livestream_gateway.settings import Settings
from livestream_projector.schema import migrate
from tests.support.chat_model import Chat, Happening
from tests.support.folding_client import FoldingClient

GENERATION = 1
NEVER_MS = -(2**62)
EVENT_TIMEOUT_S = 20


class ReadModelWriter:
    """Writes what a projector would: every batch to Postgres, then to Redis. `states` are by sequence."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        self.chat = Chat()
        self.states: list[Chat] = []
        self.epoch = ""
        self._redis = redis_client(redis_url)
        self.serving = ServingCopy(self._redis)
        self._database_url = database_url
        self._postgres: asyncpg.Connection | None = None

    async def __aenter__(self) -> Self:
        await self._redis.flushall()
        await migrate(self._database_url)
        self._postgres = await asyncpg.connect(self._database_url)
        await self._postgres.execute("SELECT create_generation($1, 'live', 1)", GENERATION)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._postgres:
            await self._postgres.close()
        await self._redis.aclose()

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, len(self.states) - 1)

    async def begin_epoch(self) -> None:
        """Load a new epoch with what there is, and report that all is well."""
        self.epoch = new_epoch()
        chat = self.chat
        newest = sorted(chat.messages.values(), key=lambda message: message.order)[-1000:]
        await self.serving.stage(self.epoch, "messages", [message.row() for message in newest])
        await self.serving.stage(self.epoch, "channels", chat.names("channels"))
        await self.serving.stage(self.epoch, "shares", chat.shares())
        position = (0, chat.offset, chat.users_offset, len(chat.messages), len(chat.names("channels")), 0, 0)
        held = (await self.serving.status()).cursor
        replaces = held.epoch if held else ""
        assert await self.serving.switch(self.epoch, GENERATION, 1, [position], replaces=replaces, staged=3)
        self.states = [chat.copy()]
        await self.report()

    async def report(self, last_append_ms: int | None = None, lag_ms: int = 0) -> None:
        appended = (await self.serving.status()).now_ms if last_append_ms is None else last_append_ms
        await self.serving.report([ProgressReport(0, self.chat.offset, self.chat.offset, appended, lag_ms)])

    @asynccontextmanager
    async def reporting(self) -> AsyncIterator[None]:
        """Report twice a second meanwhile, as a projector does."""

        async def keep_reporting() -> None:
            while True:
                await self.report()
                await asyncio.sleep(0.5)

        task = asyncio.create_task(keep_reporting())
        try:
            yield
        finally:
            task.cancel()

    @asynccontextmanager
    async def history_locked(self) -> AsyncIterator[None]:
        """Nobody can read messages in Postgres meanwhile: a table that this writer does not need is locked."""
        connection = await asyncpg.connect(self._database_url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE channels")
                yield
        finally:
            await connection.close()

    async def publish(self, *happenings: Happening) -> int:
        """Let it happen in one batch; returns its sequence."""
        before = self.chat.copy()
        batch = self.chat.apply(happenings)
        await self._write(before)
        # Clients may have it before we hear that it is published.
        self.states.append(self.chat.copy())
        outcome, cursor = await self.serving.publish(encode_batch(batch), GENERATION)
        assert outcome is PublishOutcome.OK
        assert cursor == self.cursor
        return self.cursor.sequence

    async def _write(self, before: Chat) -> None:
        assert self._postgres is not None
        async with self._postgres.transaction():
            gone = [key for key in before.messages if key not in self.chat.messages]
            for key in gone:
                await self._postgres.execute("UPDATE messages SET visible = false WHERE channel = $1 AND id = $2", *key)
            changed = [m for key, m in self.chat.messages.items() if before.messages.get(key) != m]
            for message in changed:
                post = message.post
                await self._postgres.execute(
                    f"INSERT INTO messages_{GENERATION}"
                    " VALUES ($1, 0, $2, $3, $4, $5, $6, $7, 0, $8, 0, true, false, true, $9, NULL, NULL, $6)"
                    " ON CONFLICT (channel, id) DO UPDATE"
                    " SET text = excluded.text, edited_ts_ms = excluded.edited_ts_ms",
                    GENERATION, post.channel, post.id, post.user, post.ts_ms, post.append_ms, message.offset,
                    message.edited_ms, message.text,
                )  # fmt: skip
            await self._postgres.execute(
                "UPDATE partitions SET messages_offset = $1, users_offset = $2",
                self.chat.offset,
                self.chat.users_offset,
            )


class StreamClient:
    """One response, event by event, folded view by view."""

    def __init__(self, response: ClientResponse, views: Iterable[View]) -> None:
        self.response = response
        self.parser = EventParser()
        self.views = {str(view): FoldingClient(view) for view in views}
        self.events: list[tuple[ServerSentEvent, dict[str, Any]]] = []
        self.ids: list[str] = []
        self._events = read_events(response, self.parser)

    async def next(self) -> tuple[ServerSentEvent, dict[str, Any]]:
        """The next event and its data, folded already. Raises StopAsyncIteration where the stream ends."""
        async with asyncio.timeout(EVENT_TIMEOUT_S):
            event = await anext(self._events)
        data: dict[str, Any] = json.loads(event.data)
        if event.event != "status":
            self.views[data["view"]].apply(event.event, data)
        if event.has_id:
            self.ids.append(event.id)
        self.events.append((event, data))
        return event, data

    async def next_of(self, *kinds: str) -> tuple[ServerSentEvent, dict[str, Any]]:
        """The next event of one of these kinds."""
        while True:
            event, data = await self.next()
            if event.event in kinds:
                return event, data

    async def read_to_the_end(self) -> None:
        """Until the server ends the stream."""
        with suppress(StopAsyncIteration):
            while True:
                await self.next()

    async def state(self, *states: str) -> dict[str, Any]:
        """The next status that says one of these states."""
        while True:
            _, data = await self.next_of("status")
            if data["state"] in states:
                return data

    def position(self) -> Cursor | None:
        """The last position that it is complete up to."""
        return Cursor.parse(self.ids[-1]) if self.ids else None

    async def reach(self, cursor: Cursor) -> None:
        """Read until the position is complete up to a cursor."""
        while (held := self.position()) is None or held.epoch != cursor.epoch or held.sequence < cursor.sequence:
            await self.next()

    @property
    def frames(self) -> list[tuple[str, dict[str, Any]]]:
        """Snapshots and deltas so far."""
        return [(event.event, data) for event, data in self.events if event.event != "status"]


class RunningGateway:
    """A gateway at `url`, and its clients. `drain` is there where it runs in the test's own process."""

    def __init__(self, url: str, session: ClientSession, drain: Drain | None = None) -> None:
        self.url = url
        self.drain = drain
        self.session = session

    @asynccontextmanager
    async def open(
        self,
        *views: View,
        cursor: object = None,
        last_event_id: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[StreamClient]:
        """A stream of one view by its path, or of several by query."""
        parameters = [("view", str(view)) for view in views] + ([("cursor", str(cursor))] if cursor else [])
        sent = dict(headers or {}) | ({"Last-Event-ID": str(last_event_id)} if last_event_id else {})
        timeout = ClientTimeout(total=None, sock_connect=EVENT_TIMEOUT_S)
        async with self.session.get(
            f"{self.url}/v1/streams", params=parameters, headers=sent, timeout=timeout
        ) as response:
            yield StreamClient(response, views)


@asynccontextmanager
async def running_gateway(redis_url: str, database_url: str, **changes: Any) -> AsyncIterator[RunningGateway]:
    """Runs as in production, but for signals."""
    settings = Settings(
        process=ProcessSettings("127.0.0.1", 0, "console", "warning"),
        redis_url=redis_url,
        database_url=database_url,
        web_origins=Origins.parse(":8080"),
        **changes,
    )
    app = build_app(settings)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        (address,) = runner.addresses
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            yield RunningGateway(f"http://127.0.0.1:{address[1]}", session, app[DRAIN])
    finally:
        await runner.cleanup()


def assert_holds(client: StreamClient, chat: Chat, views: Sequence[View]) -> None:
    """The client shows of every view what the chat is."""
    for view in views:
        assert client.views[str(view)].window() == chat.expected(view), view
