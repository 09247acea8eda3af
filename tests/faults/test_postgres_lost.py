"""Postgres killed in the middle of a batch, away, or out of disk: the fold waits, and goes on where it was."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest

from livestream.serving import ServingCopy
from livestream_projector.failpoints import Failpoint
from tests.support.followers import Followers
from tests.support.invariants import (
    RECOVERY_S,
    assert_a_rebuild_gives_the_same_rows,
    assert_all_is_right,
)
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import traffic
from tests.support.waiting import wait_until_async
from tests.support.watched_pages import watching

# What Postgres raises where a file cannot grow, at a statement or at the end of a transaction. A disk that is really
# full would take a file system of its own, which needs privileges that not everybody has who runs this.
FULL_DISK = """
CREATE FUNCTION no_space_left() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END$$
"""
AT_A_STATEMENT = "CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_space_left()"
AT_COMMIT = """
CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION no_space_left()
"""


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack() as running:
        yield running


@pytest.mark.parametrize("failpoint", [Failpoint.BEFORE_COMMIT, Failpoint.AFTER_COMMIT])
async def test_killed_in_the_middle_of_a_batch_it_costs_time_only(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    followers: Followers,
    unique: str,
    failpoint: Failpoint,
) -> None:
    async with traffic(stack.ingest_url, unique) as posting:
        await posting.more(200)
        stack.failpoints.ask("projector", failpoint, "stop")
        is_there = partial(asyncio.to_thread, stack.failpoints.is_done, "projector", failpoint)
        await wait_until_async(is_there, RECOVERY_S, f"a batch at {failpoint}")
        await asyncio.to_thread(stack.kill, "postgres")
        stack.resume("projector")
        await posting.more(200)
    await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)
    assert followers.reasons == {"start"}, "Redis has everything that was served before"


async def test_while_it_refuses_connections_streams_say_that_they_are_stale_and_pages_serve_what_they_had(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, followers: Followers, unique: str
) -> None:
    async with traffic(stack.ingest_url, unique) as posting:
        await posting.more(200)
        await asyncio.to_thread(stack.stop, "postgres")
        async with watching(stack.web_url) as pages:
            await posting.more(200)
            await wait_until_async(partial(are_stale, followers), RECOVERY_S, "streams that say so")
        await asyncio.to_thread(stack.start, "postgres")
        await posting.more(200)
    assert set(pages.statuses) == {200}, "the front page needs Redis only"
    assert pages.counts == sorted(pages.counts)
    await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


async def are_stale(followers: Followers) -> bool:
    followers.check()
    return all("stale" in each.states for each in followers.all)


@pytest.mark.parametrize("trigger", [AT_A_STATEMENT, AT_COMMIT], ids=["at-a-statement", "at-commit"])
async def test_out_of_disk_nothing_is_half_written_and_it_goes_on_when_there_is_space(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, followers: Followers, unique: str, trigger: str
) -> None:
    async with traffic(stack.ingest_url, unique) as posting:
        await posting.more(200)
        async with full_disk(stack, trigger):
            told = len(stack.log("projector"))
            refused = partial(asyncio.to_thread, lambda: stack.log("projector").count("No space left", told) > 2)
            await wait_until_async(refused, RECOVERY_S, "batches that were refused")
            await posting.more(200)
        await posting.more(200)
    await assert_all_is_right(stack, log, serving, followers, posting.acknowledged)


@asynccontextmanager
async def full_disk(stack: RunningStack, trigger: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(FULL_DISK)
        await connection.execute(trigger.format(table="outbox"))
        yield
        await connection.execute("DROP FUNCTION no_space_left CASCADE")
    finally:
        await connection.close()


async def test_a_rebuild_of_all_this_gives_the_same_rows(stack: RunningStack) -> None:
    await assert_a_rebuild_gives_the_same_rows(stack)
