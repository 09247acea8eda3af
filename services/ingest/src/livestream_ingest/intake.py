"""One request's items on their way to the log, and what became of each."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from livestream import times
from livestream.events import Defaults, Rejected
from livestream_ingest.answers import ItemError
from livestream_ingest.door import Caller
from livestream_ingest.ids import IdSource
from livestream_ingest.log_writer import LogWriter
from livestream_ingest.metrics import REFUSED_ITEMS
from livestream_ingest.plain import Post
from livestream_ingest.receipt import Receipt

Item = bytes | msgspec.Raw | Rejected
"""One message's JSON, or why there is none."""

Read = Callable[[bytes | msgspec.Raw, Defaults], Post | Rejected]

MAX_IDS: Final = 10_000
MAX_ERRORS: Final = 1_000

# Reading so many takes a few milliseconds; then other requests have their turn.
STEP_ITEMS: Final = 1_000
# Enough to keep Kafka busy, few enough that one fast stream leaves room for others.
MAX_STEPS_UNDER_WAY: Final = 8


_FORBIDDEN: Final = Rejected("forbidden", "is one that this API key may not write", "channel")


class Intake:
    """Takes items in order, and hands the good ones to the log as they come.

    `items`: how many were taken. `good`: how many of them are posts. `ids`: of the first MAX_IDS good ones, in order.
    `errors`: the first MAX_ERRORS of the others. `forbidden`: how many of them are the caller's only.
    """

    def __init__(self, writer: LogWriter, read: Read, new_id: IdSource, caller: Caller) -> None:
        self.items = 0
        self.good = 0
        self.ids: list[str] = []
        self.errors: list[ItemError] = []
        self.forbidden = 0
        self._handed_over = 0
        self._writer = writer
        self._read_one = read
        self._new_id = new_id
        self._caller = None if caller.may_write_all else caller
        self._under_way: deque[Receipt] = deque()

    async def take(self, items: Sequence[Item]) -> None:
        """Returns when there is room for more. Raises LogUnavailableError."""
        for start in range(0, len(items), STEP_ITEMS):
            if start:
                await asyncio.sleep(0)
            posts = self._read(items[start : start + STEP_ITEMS])
            while self._under_way and (self._under_way[0].settled or len(self._under_way) >= MAX_STEPS_UNDER_WAY):
                await self._wait_for_first()
            if posts:
                self._under_way.append(await self._writer.submit_posts(posts, after=self._under_way))
            self._handed_over = self.items

    async def finish(self) -> None:
        """Returns when all that is good is on the log. Raises LogUnavailableError."""
        while self._under_way:
            await self._wait_for_first()

    @property
    def leading(self) -> int:
        """So many items, from the first, are known to be on the log."""
        missing = [receipt.first_missing for receipt in self._under_way]
        refused = [error.index for error in self.errors[:1]]
        return min([self._handed_over, *refused, *(index for index in missing if index is not None)])

    def give_up(self) -> None:
        """Drop what is not on its way yet; nobody waits for it any more."""
        for receipt in self._under_way:
            receipt.give_up()

    async def _wait_for_first(self) -> None:
        await self._under_way[0].wait()
        self._under_way.popleft()

    def _read(self, items: Sequence[Item]) -> list[tuple[int, Post]]:
        defaults = Defaults(times.now_ms(), lambda: self._new_id(self.items))
        posts: list[tuple[int, Post]] = []
        for item in items:
            post = item if isinstance(item, Rejected) else self._read_one(item, defaults)
            if self._caller and isinstance(post, Post) and not self._caller.may_write(post.channel):
                post = _FORBIDDEN
                self.forbidden += 1
            if isinstance(post, Rejected):
                self._refuse(post)
            else:
                posts.append((self.items, post))
            self.items += 1
        self.good += len(posts)
        self.ids += [post.id for _, post in posts[: MAX_IDS - len(self.ids)]]
        return posts

    def _refuse(self, why: Rejected) -> None:
        REFUSED_ITEMS.labels(why.reason).inc()
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(ItemError(self.items, why.field, why.detail))
