"""Fixtures: what tests of a running stack speak to. A module says which `stack` that is."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from livestream.clients import redis_client
from livestream.serving import ServingCopy
from tests.support.ingest import IngestClient, ingest_client
from tests.support.kafka_log import KafkaLog, kafka_log
from tests.support.stacks import RunningStack
from tests.support.upstream_events import PARTITIONS
from tests.support.web import WebClient, web_client


@pytest.fixture
async def log(stack: RunningStack) -> AsyncIterator[KafkaLog]:
    """The stack's log, to append to and to read."""
    async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as topics:
        yield topics


@pytest.fixture
async def redis(stack: RunningStack) -> AsyncIterator[Redis]:
    client = redis_client(stack.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def serving(redis: Redis) -> ServingCopy:
    return ServingCopy(redis)


@pytest.fixture
async def ingest(stack: RunningStack) -> AsyncIterator[IngestClient]:
    async with ingest_client(stack.ingest_url) as client:
        yield client


@pytest.fixture
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    async with web_client(stack.web_url) as client:
        yield client
