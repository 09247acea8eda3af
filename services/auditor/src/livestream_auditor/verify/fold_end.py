"""Waiting until what was on the log when a verification began is folded and served: else nothing would miss it.

And until what follows deletions has followed: users' counts, in steps, and an epoch that holds every window again.
"""

import asyncio
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream.retries import describe
from livestream.serving import NoEpochError, ServingCopy, Stand
from livestream_auditor.verify.durable_model import open_durable_model
from livestream_auditor.verify.findings import CouldNotRunError, Section
from livestream_auditor.verify.log_reader import Positions
from livestream_auditor.verify.serving_copy import WINDOW_MESSAGES

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
        stand = await _stand(serving)
        served = stand.positions if stand else {}
        if durable is None and _reach(folded, ends):
            durable = await _durable_positions(database_url)
        elif durable is not None and stand and _reach(served, durable) and not stand.recounting:
            break
        seen = (folded, served, stand.recounts if stand else {})
        if seen != before:
            before, moved_at = seen, _now()
        elif _now() - moved_at > _STALLED_SECONDS:
            break
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    for partition, (messages, users) in ends.items():
        reached = folded.get(partition, (0, 0))
        section.check("messages.v1 folded up to", f"partition {partition}", messages, min(messages, reached[0]))
        section.check("users.v1 folded up to", f"partition {partition}", users, min(users, reached[1]))
    recounting = stand.recounting if stand else frozenset()
    section.check("users' counts", "partitions where they follow deletions still", frozenset(), recounting)


async def _folded(serving: ServingCopy) -> Positions:
    try:
        reports = (await serving.status()).reports
    except RedisError as error:
        raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
    stand = await _stand(serving)
    served = stand.positions if stand else {}
    return {report.partition: (report.folded, served.get(report.partition, (0, 0))[1]) for report in reports}


async def _stand(serving: ServingCopy) -> Stand | None:
    """Where Redis stands; None where it cannot tell the largest window, and so not everything that is compared."""
    try:
        return (await serving.windows(messages=WINDOW_MESSAGES)).stand
    except NoEpochError:
        return None
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
