"""Clients of the servers that everything stands on, set up alike in all services.

None of these connects before its first use, so a service starts while a server is away, says so on /readyz, and goes on
when it is back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeoutError

# Within the heartbeat of the streams: a server that hangs is noticed before viewers are told wrong things.
REDIS_TIMEOUT_SECONDS = 5.0
POSTGRES_TIMEOUT_SECONDS = 30.0
POSTGRES_CONNECT_SECONDS = 5.0

# What a call raises where the server is away, going or full. The internal error is no other's subclass, and comes where
# a connection has been told its end and has not noticed yet.
POSTGRES_FAILURES: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class _Redis(Redis):
    """Every command has a deadline of ours.

    The client's own, `socket_timeout`, is kept by `asyncio.wait_for`, which before Python 3.12 may lose a cancellation:
    a task that was told to stop then goes on, and a service that waits for it never ends.
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_SECONDS):
                return await cast("Any", super()).execute_command(*args, **options)
        except TimeoutError as error:
            raise RedisTimeoutError(f"no answer within {REDIS_TIMEOUT_SECONDS:g} s") from error


def redis_client(url: str) -> Redis:
    """A pooled client that hands out bytes. Callers retry: only they know whether they may."""
    client: Redis = _Redis.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),  # once, for pooled connections that a restart has left dead
        protocol=2,
    )
    return client


@asynccontextmanager
async def borrowed(pool: asyncpg.Pool) -> AsyncIterator[Any]:
    """A connection for callers with a deadline. Whoever gives up waiting ends it.

    The pool would wait for a server that hangs to confirm that a command was cancelled, far beyond any deadline.
    """
    async with pool.acquire() as connection:
        try:
            yield connection
        except (asyncio.CancelledError, TimeoutError):
            connection.terminate()
            raise


async def postgres_answers(pool: asyncpg.Pool) -> None:
    """Raises what asyncpg raises where Postgres does not answer."""
    async with borrowed(pool) as connection:
        await connection.execute("SELECT 1")


def postgres_pool(url: str, max_size: int, **server_settings: str) -> asyncpg.Pool:
    """A pool to be entered with `async with`; connections are made when needed, with Postgres's `server_settings`."""
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=max_size,
        command_timeout=POSTGRES_TIMEOUT_SECONDS,
        timeout=POSTGRES_CONNECT_SECONDS,
        server_settings={"application_name": "livestream", "jit": "off", **server_settings},
    )
