"""Streams without an end are ended when this process is, with an answer that says how far they came."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from livestream_ingest import answers

T = TypeVar("T")


class Shutdown:
    """Whether this process is about to end."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()

    async def begin(self, _: object) -> None:
        """Has the form of an application's `on_shutdown`, which comes before requests that are under way are cut."""
        self._begun.set()

    async def unless_begun(self, work: Awaitable[T]) -> T:
        """The result of `work`. Raises ProblemError (503) if the end comes first."""
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(self._begun.wait())
        try:
            await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            task.cancel()
            end.cancel()
        raise answers.unavailable("this instance is shutting down; send the rest again")
