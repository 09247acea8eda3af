"""What has to hold of a stack after whatever was sent to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.stacks import RunningStack
from tests.support.verifying import assert_equal_to_the_log

_SERVICES = ("ingest", "projector", "gateway", "web")


@asynccontextmanager
async def unharmed(stack: RunningStack) -> AsyncIterator[None]:
    """No process ends meanwhile; afterwards all are ready, and show what the log says."""
    pids = {name: stack.services.pid(name) for name in _SERVICES}
    yield
    assert {name: stack.services.pid(name) for name in _SERVICES} == pids
    for name in _SERVICES:
        assert await asyncio.to_thread(stack.is_ready, name)
    await assert_equal_to_the_log(stack)
