"""Looking for cycles of garbage: hardly ever, since there are none to find, and it stops everything meanwhile.

What a stream leaves is freed when its last reference goes. But its some fifty objects are looked through again and
again: with 10,000 streams a full collection takes 0.4 s, in which nobody is told anything, and while clients come one
follows the other. So all objects are looked through once an hour, should an error ever leave a cycle, and in between
only young ones.
"""

import asyncio
import gc
from typing import Final

from livestream.logs import get_logger

# New objects until the next look at them, and looks until those are looked at again that outlived the first one: at
# 10,000 objects at most, which takes some 4 ms.
_YOUNG: Final = 2_000
_YOUNG_LOOKS: Final = 5
# What the interpreter takes for "never" (an int in C). From 3.14 on it looks in small steps, and ignores this.
_NEVER: Final = 2**31 - 1
_ALL_EVERY_SECONDS: Final = 3_600

_log = get_logger(__name__)


async def collect_rarely() -> None:
    """Runs until it is cancelled."""
    before = gc.get_threshold()
    gc.collect()
    # Modules and what they hold stay anyway.
    gc.freeze()
    gc.set_threshold(_YOUNG, _YOUNG_LOOKS, _NEVER)
    loop = asyncio.get_running_loop()
    try:
        while True:
            await asyncio.sleep(_ALL_EVERY_SECONDS)
            started = loop.time()
            found = gc.collect()
            _log.info("garbage_collected", objects=found, seconds=round(loop.time() - started, 3))
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
