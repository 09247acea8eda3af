"""Fixtures: what tests of a running stack speak to. A module says which `stack` that is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from livestream.clients import redis_client
from livestream.serving import ServingCopy
from tests.support.dead_letters import DeadLetters, Shown
from tests.support.followers import Followers, following
from tests.support.ingest import IngestClient, ingest_client
from tests.support.invariants import views_of
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


@pytest.fixture
async def producer(stack: RunningStack) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers) as started:
        yield started


@pytest.fixture
def letters(stack: RunningStack, tmp_path: Path) -> DeadLetters:
    return DeadLetters(stack, tmp_path)


@pytest.fixture
def shown(serving: ServingCopy) -> Shown:
    return Shown(serving)


@pytest.fixture
async def followers(stack: RunningStack, unique: str) -> AsyncIterator[Followers]:
    """Of all views, and of the first channel and user of the test's `traffic`, from now on."""
    async with following(stack.stream_url, views_of(f"{unique}-0", f"{unique}-user-0")) as running:
        yield running
