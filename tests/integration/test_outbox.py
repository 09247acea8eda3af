"""The outbox keeps a batch until the epoch that Redis holds has it, whichever epoch had it before."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import asyncpg
import pytest

from livestream.clients import postgres_pool, redis_client
from livestream.cursor import new_epoch
from livestream.events import MESSAGES_TOPIC
from livestream.fold import PartitionState
from livestream.serving import ServingCopy
from livestream_projector.loader import Loader
from livestream_projector.outbox import Outbox
from livestream_projector.publisher import Publisher
from livestream_projector.schema import migrate
from livestream_projector.store import Store
from tests.support.logs import PARTITIONS, lay_out, random_log
from tests.support.shown import read

GENERATION = 1


async def bury(_: object) -> None:
    """Dead letters are the business of another test."""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate(database_url)
    async with postgres_pool(database_url, 3) as connections:
        await connections.execute("SELECT create_generation($1, 'live', $2)", GENERATION, PARTITIONS)
        yield connections


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    await client.flushall()
    yield ServingCopy(client)
    await client.aclose()


def publisher_of(pool: asyncpg.Pool, serving: ServingCopy) -> Publisher:
    return Publisher(serving, Outbox(pool, GENERATION), Loader(pool, serving, GENERATION), GENERATION)


async def commit(pool: asyncpg.Pool) -> list[tuple[int, bytes]]:
    """Some batches of one partition; returns their outbox rows."""
    records = max(lay_out(random_log(Random(7), 60)).values(), key=len)
    assert records[0].topic == MESSAGES_TOPIC
    store = Store(pool, GENERATION, bury)
    states = dict.fromkeys(range(PARTITIONS), PartitionState())
    rows = []
    for record in records[:4]:
        committed = await store.fold([read(record)], states)
        states |= committed.partitions
        assert committed.outbox
        rows.append(committed.outbox)
    return rows


async def begin_empty_epoch(serving: ServingCopy) -> str:
    """An epoch that another process loaded from a snapshot of Postgres in which nothing was folded yet."""
    held = (await serving.status()).cursor
    epoch, nothing = new_epoch(), [(partition, 0, 0, 0, 0, 0, 0) for partition in range(PARTITIONS)]
    replaces = held.epoch if held else ""
    assert await serving.switch(epoch, GENERATION, PARTITIONS, nothing, replaces=replaces, staged=0)
    return epoch


async def has_all(pool: asyncpg.Pool, serving: ServingCopy) -> bool:
    """Whether Redis stands where Postgres does."""
    stand = (await serving.windows()).stand
    served = {partition: (*offsets, stand.recounts[partition].done) for partition, offsets in stand.positions.items()}
    return served == await Outbox(pool, GENERATION).committed()


async def sweep(publisher: Publisher) -> None:
    async with asyncio.timeout(10):
        await publisher._sweep()


async def test_what_only_the_epoch_before_had_is_published_again(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    """Another process loads an epoch from a snapshot; ours publishes to the one before, which is replaced then."""
    await begin_empty_epoch(serving)
    publisher = publisher_of(pool, serving)
    for row in await commit(pool):
        publisher.enqueue(*row)
    assert await publisher._publish_queue()
    epoch = await begin_empty_epoch(serving)
    await sweep(publisher)
    stand = (await serving.windows()).stand
    assert await has_all(pool, serving)
    assert stand.cursor.epoch == epoch, "nothing was missing, so there was no need for another one"
    assert await Outbox(pool, GENERATION).waiting(0) == []


async def test_a_batch_that_nothing_leads_up_to_is_not_tried_for_ever(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    """A batch that is in and one that can never get in: a sweep ends, and loads an epoch that has both."""
    first, gone, *_ = await commit(pool)
    await begin_empty_epoch(serving)
    await serving.publish(first[1], GENERATION)
    await pool.execute("DELETE FROM outbox WHERE id = $1", gone[0])
    await sweep(publisher_of(pool, serving))
    assert await has_all(pool, serving)
