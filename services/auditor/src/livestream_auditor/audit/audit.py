"""One audit: Redis, Postgres and a stream, each compared at its own position while all of it moves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream.retries import describe
from livestream.serving import NoEpochError, ServingCopy
from livestream_auditor.audit.durable_sample import Place, compare_durable_sample, walk_start
from livestream_auditor.audit.witness_log import WitnessLog
from livestream_auditor.settings import Settings
from livestream_auditor.verify.canary import Canary
from livestream_auditor.verify.durable_model import open_durable_model
from livestream_auditor.verify.findings import CouldNotRunError, Findings, UnsettledError
from livestream_auditor.verify.live_stream import compare_stream, read_stream
from livestream_auditor.verify.log_reader import Positions
from livestream_auditor.verify.serving_copy import CopyRead, compare_serving_copy, read_serving_copy

# Redis is behind Postgres by a transaction or two. If it stays behind, that is for the lag's own metric to say.
_REACH_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.2

T = TypeVar("T")


class Auditor:
    """Compares what is shown with what `witness` knows. `canary` watches all the while."""

    def __init__(self, settings: Settings, redis: Redis, canary: Canary) -> None:
        self._settings = settings
        self._redis = redis
        self._canary = canary
        self._walked_to: Place = walk_start()

    async def audit(self, witness: WitnessLog) -> Findings:
        """Raises CouldNotRunError where something cannot be read, StaleWitnessError where the witness is of no use."""
        findings = Findings()
        await self._check(witness)
        copy = await self._reached(witness, lambda: self._read_copy(witness), lambda read: read.stand.positions)
        model = await witness.model_at(copy.stand.positions)
        compare_serving_copy(copy, model, findings.section("redis"))
        del copy
        async with open_durable_model(self._settings.database_url, self._settings.statement_timeout_s) as snapshot:
            await witness.check(snapshot)
            model = await witness.model_at(snapshot.positions)
            self._walked_to = await compare_durable_sample(
                snapshot, model, self._walked_to, findings.section("postgres")
            )
        stream = await self._reached(
            witness, lambda: read_stream(self._canary, self._redis), lambda read: read.positions
        )
        compare_stream(stream, await witness.model_at(stream.positions), findings.section("stream"))
        self._canary.trim()
        await self._check(witness)
        return findings

    async def _check(self, witness: WitnessLog) -> None:
        async with open_durable_model(self._settings.database_url, self._settings.statement_timeout_s) as snapshot:
            await witness.check(snapshot)

    async def _read_copy(self, witness: WitnessLog) -> CopyRead:
        try:
            totals = (await ServingCopy(self._redis).windows()).stand.totals
        except NoEpochError:
            raise CouldNotRunError("Redis holds no read model at the moment: it is being loaded or rebuilt") from None
        except RedisError as error:
            raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
        walkable = totals.channels + totals.users <= self._settings.most_names
        return await read_serving_copy(self._redis, None if walkable else witness.channels_at)

    async def _reached(
        self, witness: WitnessLog, read: Callable[[], Awaitable[T]], positions: Callable[[T], Positions]
    ) -> T:
        """What is read once it is not behind the witness, which cannot go back, and no count follows a deletion."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + _REACH_SECONDS
        while True:
            error = CouldNotRunError(f"Redis has been behind Postgres for {_REACH_SECONDS:.0f} s")
            try:
                found = await read()
                if not witness.is_ahead_of(positions(found)):
                    return found
            except UnsettledError as following:
                error = following
            if clock() > deadline:
                raise error
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
