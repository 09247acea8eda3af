"""How late the event loop comes to what is due: what keeps it busy makes everybody wait."""

import asyncio
from typing import Final, NoReturn

from prometheus_client import Histogram

_EVERY_SECONDS: Final = 0.25

LOOP_LAG_SECONDS: Final = Histogram(
    "livestream_event_loop_lag_seconds",
    "How much later than due a timer of the event loop came",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)


async def watch_loop_lag() -> NoReturn:
    """Look four times a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY_SECONDS
        await asyncio.sleep(_EVERY_SECONDS)
        LOOP_LAG_SECONDS.observe(max(loop.time() - due, 0.0))
