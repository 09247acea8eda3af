"""Postgres set back to an older backup while everything runs: the projector folds the log on from there."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from livestream.events import MessageDeleted, MessageEdited, UserDeleted
from livestream.serving import ServingCopy
from livestream.times import now_ms
from tests.support.followers import Followers
from tests.support.invariants import assert_all_is_right
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.traffic import traffic


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack() as running:
        yield running


class Backups:
    """A copy of the whole database beside it, as a dump would hold it, and back."""

    def __init__(self, stack: RunningStack) -> None:
        address, _, self._name = stack.database_url.rpartition("/")
        self._maintenance_url = f"{address}/postgres"

    async def make(self) -> None:
        await self._alone(f"CREATE DATABASE backup TEMPLATE {self._name}")

    async def restore(self) -> None:
        await self._alone(f"DROP DATABASE {self._name}", f"ALTER DATABASE backup RENAME TO {self._name}")

    async def _alone(self, *statements: str) -> None:
        """While nobody else can connect: Postgres copies and drops no database that is in use."""
        connection = await asyncpg.connect(self._maintenance_url)
        try:
            await connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
            ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1"
            await connection.fetch(ended, self._name)
            for statement in statements:
                await connection.execute(statement)
            await connection.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
        finally:
            await connection.close()


@pytest.mark.parametrize("stopped", [(), ("projector",)], ids=["all-running", "projector-stopped"])
async def test_what_came_after_the_backup_is_folded_again(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    followers: Followers,
    unique: str,
    stopped: tuple[str, ...],
) -> None:
    backups = Backups(stack)
    async with traffic(stack.ingest_url, unique) as posting:
        await posting.more(200)
        await backups.make()
        await posting.more(200)
        channel, id_ = min(posting.acknowledged)
        other_channel, other_id = max(posting.acknowledged)
        await log.append(
            [
                MessageEdited(channel, id_, "edited behind the backup", now_ms()),
                MessageDeleted(other_channel, other_id, now_ms()),
                UserDeleted(posting.user(1), now_ms()),
            ]
        )
        await posting.more(200)
        for name in stopped:
            await asyncio.to_thread(stack.stop, name)
        await backups.restore()
        for name in stopped:
            await asyncio.to_thread(stack.start, name)
        await posting.more(200)
    await assert_all_is_right(stack, log, serving, followers)
