"""Whether a server answers now. None of these raises for one that does not.

A plain connection is tried first, before a client library that would complain aloud.
"""

import asyncio
from urllib.parse import urlsplit

import asyncpg
from aiokafka.errors import KafkaError
from redis import asyncio as redis

from livestream.clients import POSTGRES_FAILURES
from livestream.kafka import AIOKafkaAdminClient

PROBE_TIMEOUT_S = 2


async def kafka_answers(bootstrap_servers: str) -> bool:
    """Whether it lists its topics. `bootstrap_servers` is one `host:port`."""
    if not await _accepts_connections(f"kafka://{bootstrap_servers}"):
        return False
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=PROBE_TIMEOUT_S * 1000)
    try:
        await client.start()
        await client.list_topics()
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
    return True


async def postgres_answers(url: str) -> bool:
    """Whether it takes a session on the database of `url`."""
    if not await _accepts_connections(url):
        return False
    try:
        connection = await asyncpg.connect(url, timeout=PROBE_TIMEOUT_S)
        await connection.close(timeout=PROBE_TIMEOUT_S)
    except POSTGRES_FAILURES:
        return False
    return True


async def redis_answers(url: str) -> bool:
    """Whether it answers a ping."""
    if not await _accepts_connections(url):
        return False
    async with redis.Redis.from_url(url, socket_timeout=PROBE_TIMEOUT_S) as client:
        try:
            return bool(await client.ping())
        except redis.RedisError:
            return False


async def _accepts_connections(url: str) -> bool:
    address = urlsplit(url)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.close()
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        return False
    return True
