"""A rebuild as a process of its own, as `./live rebuild` starts it."""

import asyncio
import os
import sys

from tests.support.stacks import RunningStack

REBUILD_S = 90


async def start_rebuild(stack: RunningStack) -> asyncio.subprocess.Process:
    """Its standard output tells how far it is, line by line."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livestream_projector.rebuild"),
        env=os.environ | stack.servers.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finish_rebuild(process: asyncio.subprocess.Process) -> None:
    """Raises AssertionError where it did not come to its end, with what it said."""
    _, errors = await asyncio.wait_for(process.communicate(), REBUILD_S)
    assert process.returncode == 0, errors.decode()


async def rebuild(stack: RunningStack) -> None:
    await finish_rebuild(await start_rebuild(stack))
