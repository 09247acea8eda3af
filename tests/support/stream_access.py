"""Fixtures: a read model that the test writes itself, and a gateway in the test's own process that streams it."""

from collections.abc import AsyncIterator

import pytest

from tests.support.streaming import ReadModelWriter, RunningGateway, running_gateway


@pytest.fixture
async def writer(redis_url: str, database_url: str) -> AsyncIterator[ReadModelWriter]:
    async with ReadModelWriter(redis_url, database_url) as writing:
        await writing.begin_epoch()
        yield writing


@pytest.fixture
async def gateway(writer: ReadModelWriter, redis_url: str, database_url: str) -> AsyncIterator[RunningGateway]:
    """It finds the epoch that the writer has begun."""
    assert writer.epoch
    async with running_gateway(redis_url, database_url) as running:
        yield running
