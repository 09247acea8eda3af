"""Waiting until what was on the log when a verification began is folded and served: else nothing would miss it."""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream.retries import describe
from livestream.serving import NoEpochError, ServingCopy
from livestream_auditor.verify.durable_model import open_durable_model
from livestream_auditor.verify.findings import CouldNotRunError, Section
from livestream_auditor.verify.log_reader import Positions

# A backlog may take as long as it takes, as long as it shrinks.
_STALLED_SECONDS: Final = 20.0
_LOOK_EVERY_SECONDS: Final = 0.1


async def await_fold(redis: Redis, database_url: str, ends: Positions, section: Section) -> None:
    """Returns when everything up to `ends` is served; where it stops on the way, `section` says at which partition.

    The projector says how far it is past markers of transactions, which no offset in Postgres or Redis tells.
    """
    serving = ServingCopy(redis)
    before, moved_at = None, _now()
    durable: Positions | None = None
    while True:
        folded = await _folded(serving)
        served = await _positions(serving)
        if durable is None and _reach(folded, ends):
            durable = await _durable_positions(database_url)
        elif durable is not None and _reach(served, durable):
            break
        if (folded, served) != before:
            before, moved_at = (folded, served), _now()
        elif _now() - moved_at > _STALLED_SECONDS:
            break
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    for partition, (messages, users) in ends.items():
        reached = folded.get(partition, (0, 0))
        section.check("messages.v1 folded up to", f"partition {partition}", messages, min(messages, reached[0]))
        section.check("users.v1 folded up to", f"partition {partition}", users, min(users, reached[1]))


async def _folded(serving: ServingCopy) -> Positions:
    try:
        reports = (await serving.status()).reports
    except RedisError as error:
        raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
    served = await _positions(serving)
    return {report.partition: (report.folded, served.get(report.partition, (0, 0))[1]) for report in reports}


async def _positions(serving: ServingCopy) -> Positions:
    try:
        return (await serving.windows()).stand.positions
    except NoEpochError:
        return {}
    except RedisError as error:
        raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None


async def _durable_positions(database_url: str) -> Positions:
    async with open_durable_model(database_url) as durable:
        return durable.positions


def _reach(reached: Positions, target: Positions) -> bool:
    return all(
        reached.get(partition, (0, 0))[0] >= messages and reached.get(partition, (0, 0))[1] >= users
        for partition, (messages, users) in target.items()
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
