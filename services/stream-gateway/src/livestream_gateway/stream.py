"""One client: what it watches, the position it is complete up to, and whether it takes part in ticks."""

import asyncio
from collections.abc import Sequence
from itertools import count

from livestream.cursor import Cursor
from livestream_gateway.connection import Connection
from livestream_gateway.moment import Moment
from livestream_gateway.resume import Claim
from livestream_gateway.watched import WatchedView
from livestream_gateway.wire import Piece

# The end of an event that completes no position.
OPEN_END = Piece(b"\n")


class Stream:
    """`claim` is the position of the last `id:` written, or at first what the client said.

    While `live` it gets what every tick tells. It leaves that when it is too slow (`is_slow`), or when its views are
    void; `left` says so to whoever brings it back. `gone` is set when its connection is over. `number`: what it goes by
    in this process's log.
    """

    __slots__ = ("claim", "connection", "gone", "is_slow", "left", "live", "number", "scope", "views")
    _numbers = count(1)

    def __init__(self, connection: Connection, views: Sequence[WatchedView], claim: Claim) -> None:
        self.number = next(self._numbers)
        self.connection = connection
        self.views = tuple(views)
        self.claim = claim
        self.live = False
        self.is_slow = False
        self.left = Moment()
        self.gone = Moment()
        self.scope = asyncio.timeout(None)

    @property
    def kind(self) -> str:
        """For metrics: what kind of view it watches, or that there are several."""
        return self.views[0].view.kind.value if len(self.views) == 1 else "several"

    @property
    def is_complete(self) -> bool:
        """Whether, being live, it holds all its views as they are at the border."""
        return all(watched.window is not None for watched in self.views)

    def join(self, position: Cursor) -> None:
        """Take part from `position` on."""
        self.claim, self.live, self.is_slow = position, True, False
        self.left.clear()
        for watched in self.views:
            watched.streams.add(self)

    def leave(self, *, slow: bool = False) -> None:
        """Take part no more."""
        self.live = False
        self.is_slow = self.is_slow or slow
        for watched in self.views:
            watched.streams.discard(self)
        self.left.set()

    def end(self) -> None:
        """End it where it stands, by the time limit `scope` that its handler runs under."""
        if not self.gone.is_set():
            self.scope.reschedule(asyncio.get_running_loop().time())

    def is_before(self, position: Cursor) -> bool:
        """Whether a frame that ends there tells it something."""
        return isinstance(self.claim, Cursor) and self.claim.sequence < position.sequence
