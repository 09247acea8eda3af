"""The launcher's commands as a person runs them, in a process of their own, against a test's own stack."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from livestream_local.stack import exclusive, published
from tests.support.stacks import RunningStack, described

_TIMEOUT_S = 60


class Finished(NamedTuple):
    status: int
    output: str
    errors: str


async def run_command(stack: RunningStack, data: Path, *arguments: str) -> Finished:
    """`./live ARGUMENTS --data DATA`, where DATA says that `stack` runs on it."""
    with exclusive(data), published(described(stack, data)):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livestream_local", *arguments, "--data", str(data)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
    assert process.returncode is not None
    return Finished(process.returncode, output.decode(), errors.decode())
