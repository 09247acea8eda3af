"""What a client missed since its cursor, folded into one frame, and shared by all that come with the same cursor."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from livestream.cursor import Cursor
from livestream.deltas import Delta
from livestream.frames import Change, View, delta_json, sse
from livestream_gateway.follower import Following
from livestream_gateway.watched import WatchedView
from livestream_gateway.wire import Piece

# Folding so many rows takes some two milliseconds; then others have their turn.
_ROWS_AT_ONCE: Final = 2_000
# Clients that were cut off together come back with one of a few cursors.
_SHARED: Final = 256
# A whole epoch's clients may come with cursors that only Redis still has: so many read there at a time.
_READERS: Final = 4


class EvictedError(Exception):
    """The deltas that follow on the cursor are not retained any more."""


class CatchUp:
    """The change of one view since a cursor. It can be moved on, and told, as often as needed.

    `misses_too_much`: it is more than the view's window, so a snapshot is due instead.
    """

    def __init__(self, view: View, sequence: int, readers: asyncio.Semaphore) -> None:
        self.sequence = sequence
        self._change = Change(view)
        self.misses_too_much = False
        self._readers = readers
        self._folding = asyncio.Lock()
        self._told: tuple[int, Piece | None] | None = None

    async def fold_to(self, following: Following, border: Callable[[], int]) -> None:
        """Fold up to the border, which moves meanwhile. Raises EvictedError, or one of `UNREACHABLE`."""
        async with self._folding:
            while self.sequence < border() and not self.misses_too_much:
                if following.recent.covers(self.sequence):
                    self._fold_some(following, border())
                    await asyncio.sleep(0)
                else:
                    async with self._readers:
                        await self._fold_from_redis(following)

    def is_at(self, border: int) -> bool:
        """Whether `told` and `misses_too_much` can answer for that border."""
        return self.misses_too_much or self.sequence >= border

    def told(self, watched: WatchedView, border: int) -> Piece | None:
        """The frame from the cursor to the border, which the view is at, too; None where there is nothing to tell."""
        if watched.window is None or not self.is_at(border):
            raise RuntimeError(f"{watched.view} was not caught up with")
        if self._told is None or self._told[0] != border:
            change = self._change.completed(watched.window, None)
            frame = sse("delta", delta_json(change, watched.as_of_ms, watched.window.totals))
            self._told = (border, None if change.empty and not watched.view.has_totals else Piece(frame))
        return self._told[1]

    def _fold_some(self, following: Following, border: int) -> None:
        rows = 0
        while self.sequence < border and rows < _ROWS_AT_ONCE and not self.misses_too_much:
            (delta,) = following.recent.between(self.sequence, self.sequence + 1)
            rows += 1 + len(delta.messages) + len(delta.channels) + len(delta.users)
            self._add(delta)

    async def _fold_from_redis(self, following: Following) -> None:
        """What is too old to be held here."""
        before, rows = self.sequence, 0
        async for delta in following.log.between(self.sequence, following.recent.start):
            if delta.sequence != self.sequence + 1:
                raise EvictedError
            self._add(delta)
            rows += 1 + len(delta.messages)
            if self.misses_too_much:
                return
            if rows >= _ROWS_AT_ONCE:
                rows = 0
                await asyncio.sleep(0)
        if self.sequence == before:
            raise EvictedError

    def _add(self, delta: Delta) -> None:
        self._change.add(delta)
        self.sequence = delta.sequence
        self.misses_too_much = self._change.misses_too_much


class CatchUps:
    """The catch-ups that were asked for last."""

    def __init__(self) -> None:
        self._shared: OrderedDict[tuple[View, Cursor], CatchUp] = OrderedDict()
        self._readers = asyncio.Semaphore(_READERS)

    def since(self, view: View, cursor: Cursor) -> CatchUp:
        key = (view, cursor)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = CatchUp(view, cursor.sequence, self._readers)
        self._shared.move_to_end(key)
        if len(self._shared) > _SHARED:
            self._shared.popitem(last=False)
        return shared

    def clear(self) -> None:
        """Another epoch has begun, or texts were erased that these may hold."""
        self._shared.clear()
