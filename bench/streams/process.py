"""A program that is measured: started on its cores, ready when it says so, and ended with the context."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.support.cpu import running_on

_READY_TIMEOUT_S: Final = 30
_POLL_S: Final = 0.05
_STOP_TIMEOUT_S: Final = 5
_TOLD_CHARACTERS: Final = 2_000


@asynccontextmanager
async def running(
    command: Sequence[str | Path],
    cores: Collection[int],
    log: Path,
    is_ready: Callable[[], Awaitable[bool]],
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[int]:
    """The process's pid. Raises RuntimeError with the end of its log where it does not get ready."""
    with log.open("wb") as output, running_on(cores):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, **(environment or {})}
        )
    try:
        if not await _gets_ready(process, is_ready):
            raise RuntimeError(f"{command[0]} does not get ready: {_end_of(log)}")
        yield process.pid
    finally:
        await _end(process)


async def _gets_ready(process: asyncio.subprocess.Process, is_ready: Callable[[], Awaitable[bool]]) -> bool:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while not await is_ready():
        if process.returncode is not None or time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-_TOLD_CHARACTERS:]
