"""Retention among everything else that touches the same rows: rebuilds, erasures, other processes, clocks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from livestream.clients import postgres_pool, redis_client
from livestream.fold import NEVER_MS
from livestream.retention import DAY_MS, Retention, RetentionChange
from livestream.serving import ServingCopy
from livestream.times import now_ms
from livestream_projector import generation
from livestream_projector.baseline import copy_baseline
from livestream_projector.between_batches import BetweenBatches
from livestream_projector.erasure import Eraser
from livestream_projector.generation import begin_next, live_generation
from livestream_projector.history_drop import HistoryDropper
from livestream_projector.loader import Loader
from livestream_projector.outbox import LOADER_LOCK, Outbox
from livestream_projector.publisher import Publisher
from livestream_projector.retention import load_retention, settle_retention
from livestream_projector.schema import migrate
from tests.support.logs import PARTITIONS, T0
from tests.support.waiting import wait_until_async

# Far less than a projector waits for a lock before it gives up.
AT_ONCE_S = 2
CHUNK_ROWS = 2_000
FOR_A_DAY = Retention([RetentionChange(NEVER_MS, DAY_MS)])


@pytest.fixture
async def pool(new_database: Callable[[], str]) -> AsyncIterator[asyncpg.Pool]:
    url = new_database()
    await migrate(url)
    async with postgres_pool(url, 5) as connections:
        await live_generation(connections, PARTITIONS)
        yield connections


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    await client.flushall()
    yield ServingCopy(client)
    await client.aclose()


async def nothing() -> None:
    """Clients are the business of another test."""


async def add_messages(pool: asyncpg.Pool, count: int, user: str = "ann") -> None:
    """Of one user in one channel of partition 0."""
    rows = [(1, 0, "c", f"{user} {n}", user, T0 + n, T0, n, 0, True, False, True, "text", T0 + n) for n in range(count)]
    columns = (
        "generation", "partition", "channel", "id", "username", "ts_ms", "append_ms", "log_offset", "digest",
        "posted", "deleted", "visible", "text", "kept_ms",
    )  # fmt: skip
    async with pool.acquire() as connection:
        await connection.copy_records_to_table("messages", records=rows, columns=columns)
        await connection.execute(
            "INSERT INTO pairs (generation, partition, channel, username, messages, last_ms, counted_from_ms)"
            " VALUES (1, 0, 'c', $1, $2, $3, $4)",
            user,
            count,
            T0,
            NEVER_MS,
        )
        never = (NEVER_MS, "", NEVER_MS, "", -1)
        await connection.execute(
            "INSERT INTO channels VALUES (1, 'c', 0, $1, $2, $3, $4, $5, $6, $7)", count, T0, *never
        )


async def waits_for_a_lock(pool: asyncpg.Pool) -> None:
    async def waits() -> bool:
        return bool(await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    await wait_until_async(waits, what="a statement that waits for another transaction")


def dropper_of(pool: asyncpg.Pool, renew_epoch: Callable[[], Any], retention: Retention = FOR_A_DAY) -> HistoryDropper:
    return HistoryDropper(pool, 1, retention, lambda: {0: T0 + 9 * DAY_MS}, BetweenBatches(), renew_epoch)


async def test_a_setting_that_is_changed_before_anything_is_folded_holds(pool: asyncpg.Pool) -> None:
    for days in (1, 7, None):
        await settle_retention(pool, days)
        assert (await load_retention(pool)).keep_ms == (days * DAY_MS if days else None)


async def test_the_last_change_holds_whatever_clock_it_was_made_by(pool: asyncpg.Pool) -> None:
    """Another projector's clock, by which the change before was made, runs an hour ahead."""
    await pool.execute("UPDATE partitions SET last_append_ms = $1", now_ms())
    await settle_retention(pool, 1)
    await pool.execute("UPDATE retention SET since_ms = since_ms + 3600000")
    await settle_retention(pool, 7)
    assert (await load_retention(pool)).keep_ms == 7 * DAY_MS


async def test_a_setting_that_changes_while_a_rebuild_begins_holds_for_its_generation_too(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else, once it is live, nobody may ever fold into it."""
    await settle_retention(pool, 7)
    copied, copying = asyncio.Event(), asyncio.Event()

    async def copy_slowly(connection: Any, live: int, following: int) -> None:
        copying.set()
        await copied.wait()
        await copy_baseline(connection, live, following)

    monkeypatch.setattr(generation, "copy_baseline", copy_slowly)
    beginning = asyncio.create_task(begin_next(pool, has_baseline=True))
    await copying.wait()
    settling = asyncio.create_task(settle_retention(pool, 3))
    await asyncio.wait([settling], timeout=AT_ONCE_S)
    copied.set()
    await asyncio.gather(beginning, settling)
    assert await pool.fetch("SELECT generation FROM generations WHERE retention_changes <> 2") == []


async def test_who_reads_goes_on_while_a_generation_begins_and_ends(pool: asyncpg.Pool) -> None:
    """Also where somebody has been reading for long: a verification, or a fold's own transaction."""
    await settle_retention(pool, 7)
    async with pool.acquire() as verification, pool.acquire() as rebuild:
        snapshot = verification.transaction(isolation="repeatable_read")
        await snapshot.start()
        await verification.fetch("SELECT count(*) FROM messages")
        async with asyncio.timeout(AT_ONCE_S):
            _, following, _ = await begin_next(pool, has_baseline=True)
        dropping = asyncio.create_task(generation.drop(rebuild, following))
        await waits_for_a_lock(pool)
        async with asyncio.timeout(AT_ONCE_S):
            await pool.fetch("SELECT count(*) FROM messages WHERE generation = 1")
        await snapshot.rollback()
        await dropping
    assert await pool.fetchval("SELECT count(*) FROM generations") == 1


async def test_a_setting_changes_where_a_rebuild_has_left_a_generation_without_messages(pool: asyncpg.Pool) -> None:
    _, following, _ = await begin_next(pool)
    await pool.execute(f"DROP TABLE messages_{following}")
    await settle_retention(pool, 7)
    assert (await load_retention(pool)).keep_ms == 7 * DAY_MS


async def test_an_erasure_goes_on_where_history_is_dropped_under_it(pool: asyncpg.Pool) -> None:
    await add_messages(pool, CHUNK_ROWS + 50)
    await pool.execute("INSERT INTO erasures VALUES (1, 0, 'user', 'ann', $1)", T0)
    async with pool.acquire() as connection:
        drop = connection.transaction()
        await drop.start()
        await connection.execute("DELETE FROM messages WHERE log_offset > $1", CHUNK_ROWS + 40)
        eraser = Eraser(pool, 1)
        erasing = asyncio.create_task(eraser.erase_some())
        await waits_for_a_lock(pool)
        await drop.commit()
        await erasing
    while await eraser.erase_some():
        pass
    assert await pool.fetchval("SELECT count(*) FROM messages WHERE text <> ''") == 0


async def test_a_drop_fences_batches_only_where_something_went(pool: asyncpg.Pool) -> None:
    """Every projector that starts looks for what it may drop."""
    await add_messages(pool, 3)
    await pool.execute("UPDATE generations SET retention_changes = 1")
    for _ in range(2):
        await dropper_of(pool, nothing).drop()
        assert await pool.fetchval("SELECT drops FROM partitions WHERE partition = 0") == 1


async def test_whoever_drops_next_renews_the_epoch_that_a_failed_drop_has_worn(pool: asyncpg.Pool) -> None:
    """Clients may hold what is gone, and no delta tells them."""
    await add_messages(pool, 3)
    await pool.execute("UPDATE generations SET retention_changes = 1")
    renewed = 0

    async def fail() -> None:
        raise OSError("Redis is away, or this process ends here")

    async def renew() -> None:
        nonlocal renewed
        renewed += 1

    with pytest.raises(OSError, match="Redis is away"):
        await dropper_of(pool, fail).drop()
    assert await pool.fetchval("SELECT count(*) FROM messages") == 0
    forever_again = Retention([*FOR_A_DAY._changes, RetentionChange(T0 + 30 * DAY_MS, None)])
    for retention in (forever_again, FOR_A_DAY):
        await pool.execute("UPDATE generations SET retention_changes = $1", len(retention))
        await dropper_of(pool, renew, retention).drop()
        assert renewed == 1


async def test_an_epoch_that_another_process_loads_meanwhile_is_not_taken_for_a_renewed_one(
    pool: asyncpg.Pool, serving: ServingCopy
) -> None:
    """Its snapshot of Postgres may be from before rows went."""
    loader = Loader(pool, serving, 1)
    await loader.load(replace=False)
    publisher = Publisher(serving, Outbox(pool, 1), loader, 1)
    held = await epoch_of(serving)
    async with pool.acquire() as another, another.transaction():
        await another.execute("SELECT pg_advisory_xact_lock($1)", LOADER_LOCK)
        running = asyncio.create_task(publisher.run())
        renewing = asyncio.create_task(publisher.renew_epoch())
        await waits_for_a_lock(pool)
        async with pool.acquire() as connection:
            assert await loader._fill(connection, another, held)
        theirs = await epoch_of(serving)
    await asyncio.wait_for(renewing, 10 * AT_ONCE_S)
    running.cancel()
    assert await epoch_of(serving) not in (held, theirs)


async def epoch_of(serving: ServingCopy) -> str:
    cursor = (await serving.status()).cursor
    assert cursor
    return cursor.epoch
