"""A Postgres that hangs: nobody waits for it beyond the deadline, also on a connection that worked a moment ago."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from livestream.clients import borrowed, postgres_answers, postgres_pool
from tests.support.servers import RunningServers

DEADLINE_S = 0.5
# The pool itself would wait for half a minute.
AT_MOST_S = 5.0


@pytest.fixture
async def pool(servers: RunningServers) -> AsyncIterator[asyncpg.Pool]:
    async with postgres_pool(servers.database_url, 2) as connections:
        yield connections


async def test_whoever_gives_up_waiting_is_let_go(servers: RunningServers, pool: asyncpg.Pool) -> None:
    await postgres_answers(pool)
    await asyncio.to_thread(servers.pause, "postgres")
    try:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(DEADLINE_S), borrowed(pool) as connection:
                await connection.execute("SELECT 1")
        assert time.monotonic() - started < AT_MOST_S
    finally:
        await asyncio.to_thread(servers.resume, "postgres")
    await postgres_answers(pool)
