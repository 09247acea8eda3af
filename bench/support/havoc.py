"""Faults at random moments, by a seed: processes that die or stand still, and a serving copy that is emptied."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream.clients import redis_client
from livestream.logs import get_logger
from livestream_projector.failpoints import Failpoint
from tests.support.stacks import RunningStack

PROJECTORS: Final = ("projector", "projector-2")
KILLED: Final = (*PROJECTORS, "ingest", "gateway", "web", "kafka", "postgres", "valkey")
PAUSED: Final = (*PROJECTORS, "kafka", "postgres", "valkey")

_PAUSE_SECONDS: Final = (1.0, 14.0)  # at times longer than a session of the consumer group lasts
_BETWEEN_SECONDS: Final = (2.0, 14.0)  # often before the fault before is mended

_log = get_logger(__name__)


class Havoc:
    """`struck` counts what happened."""

    def __init__(self, stack: RunningStack, seed: int) -> None:
        self.struck: Counter[str] = Counter()
        self._stack = stack
        self._random = Random(seed)

    async def wreak(self) -> None:
        """One fault after another until it is cancelled; what was paused goes on then."""
        while True:
            await asyncio.sleep(self._random.uniform(*_BETWEEN_SECONDS))
            strike: Callable[[], Awaitable[str]] = self._random.choice(
                [self._kill, self._kill, self._pause, self._die_in_a_batch, self._empty]
            )
            struck = await strike()
            self.struck[struck] += 1
            _log.info("struck", fault=struck)

    async def _kill(self) -> str:
        name = self._random.choice(KILLED)
        await asyncio.to_thread(self._stack.kill, name)
        return f"{name} killed"

    async def _pause(self) -> str:
        name = self._random.choice(PAUSED)
        self._stack.pause(name)
        try:
            await asyncio.sleep(self._random.uniform(*_PAUSE_SECONDS))
        finally:
            self._stack.resume(name)
        return f"{name} stopped for a while"

    async def _die_in_a_batch(self) -> str:
        failpoint = self._random.choice(list(Failpoint))
        self._stack.failpoints.ask(self._random.choice(PROJECTORS), failpoint, "kill")
        return f"a projector killed {failpoint}"

    async def _empty(self) -> str:
        redis: Redis = redis_client(self._stack.redis_url)
        try:
            await redis.flushall()
        except RedisError:
            return "valkey away when it was to be emptied"
        finally:
            await redis.aclose()
        return "valkey emptied"
