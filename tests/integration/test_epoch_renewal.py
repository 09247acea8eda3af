"""An epoch that is worn serves on while the next one is loaded, however long that takes."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from livestream.clients import postgres_pool, redis_client
from livestream.events import MESSAGES_TOPIC, MessagePosted, encode_event
from livestream.fold import PartitionState
from livestream.serving import ServingCopy
from livestream_auditor.witness import LogRecord
from livestream_projector.loader import Loader
from livestream_projector.outbox import LOADER_LOCK, Outbox
from livestream_projector.publisher import Publisher
from livestream_projector.schema import migrate
from livestream_projector.store import Store
from tests.support.logs import T0
from tests.support.shown import read
from tests.support.waiting import wait_until_async


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate(database_url)
    async with postgres_pool(database_url, 5) as connections:
        await connections.execute("SELECT create_generation(1, 'live', 1)")
        yield connections


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    yield ServingCopy(client)
    await client.aclose()


class Fold:
    """Posts one message after the other, and hands them to a publisher."""

    def __init__(self, pool: asyncpg.Pool, publisher: Publisher) -> None:
        self._store = Store(pool, 1, _bury)
        self._publisher = publisher
        self._states = {0: PartitionState()}
        self.posted = 0

    async def post(self) -> None:
        event = MessagePosted("c", str(self.posted), "u", "text", T0 + self.posted)
        record = LogRecord(MESSAGES_TOPIC, 0, self.posted, T0 + self.posted, encode_event(event))
        committed = await self._store.fold([read(record)], self._states)
        self._states |= committed.partitions
        self.posted += 1
        assert committed.outbox is not None
        self._publisher.enqueue(*committed.outbox)


async def _bury(_: object) -> None:
    """Nothing here is refused."""


async def test_what_is_posted_meanwhile_is_in_both_epochs(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    publisher = Publisher(serving, Outbox(pool, 1), Loader(pool, serving, 1), 1)
    fold = Fold(pool, publisher)
    running = asyncio.create_task(publisher.run())
    try:

        async def served() -> str:
            """The epoch, where everything posted is served in it."""
            status = await serving.status()
            if status.cursor is None:
                return ""
            windows = await serving.windows(messages=1_000)
            return windows.stand.cursor.epoch if len(windows.messages) == fold.posted else ""

        await fold.post()
        first = await wait_until_async(served, what="the first message")
        async with pool.acquire() as loader, loader.transaction():
            # Whoever loads holds this lock; while another process does, ours waits for it.
            await loader.execute("SELECT pg_advisory_xact_lock($1)", LOADER_LOCK)
            renewal = asyncio.create_task(publisher.renew_epoch())
            for _ in range(20):
                await fold.post()
                assert await wait_until_async(served, what="what is posted while an epoch is loaded") == first

        async def renewed() -> bool:
            return await served() not in ("", first)

        await wait_until_async(renewed, what="the next epoch, with everything in it")
        await asyncio.wait_for(renewal, 10)
        await fold.post()
        await wait_until_async(served, what="what is posted after that")

        async def forgotten() -> bool:
            return not await pool.fetchval("SELECT count(*) FROM outbox")

        await wait_until_async(forgotten, what="an empty outbox")
    finally:
        running.cancel()
        await asyncio.wait([running])
