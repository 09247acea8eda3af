"""Clients of the servers that everything stands on, set up alike in all services.

None of these connects before its first use, so a service starts while a server is away, says so on /readyz, and goes on
when it is back.
"""

import asyncpg
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

# Within the heartbeat of the streams: a server that hangs is noticed before viewers are told wrong things.
REDIS_TIMEOUT_SECONDS = 5.0
POSTGRES_TIMEOUT_SECONDS = 30.0
POSTGRES_CONNECT_SECONDS = 5.0


def redis_client(url: str) -> Redis:
    """A pooled client that hands out bytes. Callers retry: only they know whether they may."""
    client: Redis = Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1),  # once, for pooled connections that a restart has left dead
        protocol=2,
    )
    return client


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
