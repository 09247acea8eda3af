"""Postgres and Redis as a service holds them: for as long as its server runs, and looked at by its health checks."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import asyncpg
from aiohttp import web
from prometheus_client import Gauge
from redis.asyncio import Redis

from livestream.clients import postgres_answers, postgres_pool, redis_client
from livestream.service import Check

POSTGRES_CONNECTIONS: Final = Gauge(
    "livestream_postgres_connections", "Connections of the pool: open and in use, open and idle", ["state"]
)
POSTGRES_CONNECTIONS_MOST: Final = Gauge("livestream_postgres_connections_max", "Connections that the pool may have")


class Stores(NamedTuple):
    """Neither connects before it is used."""

    postgres: asyncpg.Pool
    redis: Redis

    @property
    def checks(self) -> dict[str, Check]:
        """By the names that `/readyz` tells."""
        return {"postgres": self._check_postgres, "redis": self._check_redis}

    async def _check_postgres(self) -> None:
        await postgres_answers(self.postgres)

    async def _check_redis(self) -> None:
        await self.redis.ping()


def connect_stores(
    app: web.Application, database_url: str, redis_url: str, connections: int, **server_settings: str
) -> Stores:
    """`connections`: the most to Postgres, the health check's included; `server_settings` as for `postgres_pool`."""
    stores = Stores(postgres_pool(database_url, connections, **server_settings), redis_client(redis_url))

    async def opened(_: web.Application) -> AsyncIterator[None]:
        async with stores.postgres:
            yield
        await stores.redis.aclose()

    app.cleanup_ctx.append(opened)
    _watch(stores.postgres)
    return stores


def _watch(pool: asyncpg.Pool) -> None:
    """Looked at when Prometheus asks, and not at each use."""
    POSTGRES_CONNECTIONS.labels("used").set_function(lambda: pool.get_size() - pool.get_idle_size())
    POSTGRES_CONNECTIONS.labels("idle").set_function(pool.get_idle_size)
    POSTGRES_CONNECTIONS_MOST.set(pool.get_max_size())
