"""From the outbox to Redis: every committed batch, in an order that each partition can follow."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from opentelemetry.trace import SpanKind
from redis.exceptions import RedisError

from livestream.clients import POSTGRES_FAILURES
from livestream.logs import get_logger
from livestream.retries import RETRIES, delays, describe
from livestream.serving import NoEpochError, PublishOutcome, ServingCopy
from livestream.tracing import Steps
from livestream_projector import failpoints, metrics
from livestream_projector.failpoints import Failpoint
from livestream_projector.loader import Loader
from livestream_projector.outbox import Outbox

# How often to look for batches that a process left behind which died between its commit and its publish.
_SWEEP_SECONDS: Final = 2.0
# Batches held in memory on their way to Redis; the outbox has them too, so what does not fit is not lost.
_QUEUED_BATCHES: Final = 1_000

_FAILURES: Final = (RedisError, *POSTGRES_FAILURES)
_IN_REDIS: Final = frozenset({PublishOutcome.OK, PublishOutcome.FEW, PublishOutcome.DUPLICATE})
_NEEDS_EPOCH: Final = frozenset({PublishOutcome.NO_EPOCH, PublishOutcome.GENERATION, PublishOutcome.CONFLICT})

_log = get_logger(__name__)


class Publisher:
    """Any process may publish any batch: the Function in Redis takes each once, when it continues what is there.

    An epoch that is worn serves on until the next one is loaded, and is published to meanwhile: with many users that
    takes a while.
    """

    def __init__(self, serving: ServingCopy, outbox: Outbox, loader: Loader, generation: int) -> None:
        self._serving = serving
        self._outbox = outbox
        self._loader = loader
        self._generation = generation
        self._queue: deque[tuple[int, bytes]] = deque(maxlen=_QUEUED_BATCHES)
        # Of batches that Redis has not taken yet, by id: the last so many that are traced.
        self._traces: dict[int, Sequence[bytes]] = {}
        self._wake = asyncio.Event()
        # The ids of batches that are in Redis, with the epoch that has them.
        self._published: dict[int, str] = {}
        self._is_worn = False
        self._renewals: list[asyncio.Future[None]] = []
        self._renewing: asyncio.Task[None] | None = None

    def enqueue(self, outbox_id: int, batch: bytes, traces: Sequence[bytes] = ()) -> None:
        """Publish soon. `traces`: see `ServingCopy.publish`; they are told if this process is the one that does it."""
        self._queue.append((outbox_id, batch))
        if traces:
            self._traces[outbox_id] = traces
            if len(self._traces) > _QUEUED_BATCHES:
                del self._traces[next(iter(self._traces))]
        self._wake.set()

    async def renew_epoch(self) -> None:
        """Returns when an epoch is served that was loaded after this call: rows have gone that no delta told of."""
        renewed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._renewals.append(renewed)
        self._wake.set()
        await renewed

    def wake(self) -> None:
        """Look at the outbox soon: there may be no epoch any more."""
        self._wake.set()

    async def run(self) -> None:
        """Publish what is enqueued and what is left in the outbox; runs until it is cancelled."""
        try:
            await self._run()
        finally:
            if self._renewing:
                self._renewing.cancel()
                await asyncio.wait([self._renewing])

    async def _run(self) -> None:
        waits = delays()
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while True:
            try:
                has_renewed = self._end_renewing()
                complete = await self._publish_queue()
                if has_renewed or not complete or self._needs_renewal or loop.time() >= next_sweep:
                    await self._sweep()
                    next_sweep = loop.time() + _SWEEP_SECONDS
                waits = delays()
            except _FAILURES as error:
                RETRIES.labels("publish").inc()
                _log.warning("publish_failed", error=describe(error))
                next_sweep = loop.time()
                await asyncio.sleep(next(waits))
                continue
            await self._wait(next_sweep - loop.time())

    async def _wait(self, seconds: float) -> None:
        if not self._queue:
            try:
                async with asyncio.timeout(max(seconds, 0)):
                    await self._wake.wait()
            except TimeoutError:
                return
        self._wake.clear()

    async def _publish_queue(self) -> bool:
        """The batches of this process, as they were committed. False where Redis is behind them, or has no epoch."""
        while self._queue:
            outbox_id, batch = self._queue.popleft()
            if await self._publish(outbox_id, batch) not in _IN_REDIS:
                self._queue.clear()
                return False
        return True

    async def _sweep(self) -> None:
        """Forget what Redis has, and publish what else waits in the outbox, whoever committed it."""
        await self._outbox.check_generation()
        await self._forget_published()
        status = await self._serving.status()
        if status.generation != self._generation:
            await self._loader.load(replace=status.cursor is not None)
        elif status.is_worn and not self._renewing:
            self._is_worn = True  # whoever was told so first may have died of it
        committed = await self._outbox.committed()
        await self._drain()
        await self._forget_published()
        if await self._went_back(committed):
            _log.warning("epoch_went_back")
            await self._renew()
        elif self._needs_renewal:
            _log.warning("epoch_worn", worn=self._is_worn, renewals=len(self._renewals))
            self._renewing = asyncio.create_task(self._renew(), name="renew_epoch")
            self._renewing.add_done_callback(lambda _: self._wake.set())

    @property
    def _needs_renewal(self) -> bool:
        return (self._is_worn or bool(self._renewals)) and self._renewing is None

    def _end_renewing(self) -> bool:
        """Whether that came to its end just now. Raises what it did."""
        renewing = self._renewing
        if renewing is None or not renewing.done():
            return False
        self._renewing = None
        renewing.result()
        return True

    async def _renew(self) -> None:
        # What wears the new one while it is loaded counts for the next.
        self._is_worn, asked = False, list(self._renewals)
        try:
            loaded = await self._loader.load(replace=True)
        except BaseException:
            self._is_worn = True
            raise
        if loaded:
            for renewed in asked:
                if not renewed.done():  # as it is where whoever asked was cancelled
                    renewed.set_result(None)
            self._renewals = [renewed for renewed in self._renewals if not renewed.done()]

    async def _went_back(self, committed: dict[int, tuple[int, int, int]]) -> bool:
        """Whether Redis misses what was committed before the outbox was drained: as after a restored backup.

        Nobody has those batches any more, so only a new epoch helps.
        """
        try:
            stand = (await self._serving.windows()).stand
        except NoEpochError:
            return False
        return any(
            stand.positions[partition][0] < messages
            or stand.positions[partition][1] < users
            or stand.recounts[partition].done < recounts
            for partition, (messages, users, recounts) in committed.items()
        )

    async def _forget_published(self) -> None:
        if self._published and await self._outbox.delete(self._still_published):
            self._published.clear()

    async def _still_published(self) -> list[int]:
        """Those that Redis holds now: an epoch that was loaded meanwhile may begin before what the last one had."""
        cursor = (await self._serving.status()).cursor
        return [outbox_id for outbox_id, epoch in self._published.items() if cursor and cursor.epoch == epoch]

    async def _drain(self) -> None:
        """Publish what waits in the outbox: again, as long as that lets in what was behind a batch that came later."""
        behind_before: set[int] = set()
        while True:
            behind, has_progressed = await self._drain_once()
            metrics.OUTBOX_ROWS.set(len(behind))
            if not has_progressed or (behind_before and behind_before <= behind):
                return
            behind_before = behind

    async def _drain_once(self) -> tuple[set[int], bool]:
        """One pass: the batches that are behind, and whether another pass may get further with them."""
        last_id, behind, has_applied = 0, set[int](), False
        while waiting := await self._outbox.waiting(last_id):
            for outbox_id, batch in waiting:
                last_id = outbox_id
                outcome = await self._publish(outbox_id, batch)
                if outcome in _NEEDS_EPOCH:
                    await self._loader.load(replace=outcome is not PublishOutcome.NO_EPOCH)
                    return set(), True
                if outcome is PublishOutcome.BEHIND:
                    behind.add(outbox_id)
                else:
                    has_applied = has_applied or outcome is not PublishOutcome.DUPLICATE
        return behind, has_applied and bool(behind)

    async def _publish(self, outbox_id: int, batch: bytes) -> PublishOutcome:
        traced = Steps("publish", self._traces.get(outbox_id, ()), SpanKind.PRODUCER)
        outcome, cursor = await self._serving.publish(batch, self._generation, traced.parents)
        if traced and outcome in _IN_REDIS:
            traced.end(outcome=outcome.value)
            self._traces.pop(outbox_id, None)  # unless it had to make room meanwhile
        failpoints.reach(Failpoint.AFTER_REDIS)
        if cursor:
            self._published[outbox_id] = cursor.epoch
        metrics.PUBLISHED.labels(outcome.value).inc()
        # The one that is being loaded has as many as there are.
        self._is_worn = self._is_worn or (outcome is PublishOutcome.FEW and self._renewing is None)
        return outcome
