"""What Redis showed at every position that it went through, and the deltas between them."""

from typing import Any, Final, NamedTuple, cast

from livestream.cursor import Cursor
from livestream.deltas import Delta, decode_delta
from livestream.serving import ServingCopy, Windows
from tests.support.simulation.redis import RedisServer

# More than there ever are.
_ALL: Final = 10_000


class Moment(NamedTuple):
    """One position: what `windows` answers there, and the delta that led to it from the one before."""

    cursor: Cursor
    positions: dict[int, tuple[int, int]]
    reply: Any
    entry: tuple[bytes, dict[bytes, bytes]] | None

    def windows(self) -> Windows:
        """As a reader decodes it."""
        return _Decoding(self.reply).windows()

    def delta(self) -> Delta:
        assert self.entry is not None
        return decode_delta(*self.entry)


class Recorder:
    """`moments`: in the order in which they came, from every epoch's beginning on."""

    def __init__(self, redis: RedisServer) -> None:
        self._data = redis.data
        self.moments: dict[Cursor, Moment] = {}
        self.newest: Moment | None = None
        redis.watch = self._look

    def _look(self) -> None:
        reply = self._data.fcall("windows", (_ALL, _ALL, _ALL))
        if reply is None:
            return
        cursor = Cursor(reply[0][0].decode(), int(reply[0][2]))
        positions = _Decoding(reply).windows().stand.positions
        if cursor in self.moments:
            assert positions == self.moments[cursor].positions, f"{cursor} stands for two positions"
        else:
            entries = self._data.entries(f"{{livestream}}:{cursor.epoch}:deltas")
            entry = entries[-1] if cursor.sequence else None
            self.newest = self.moments[cursor] = Moment(cursor, positions, reply, entry)


class _Decoding:
    """A client whose one answer is there already."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply

    async def fcall(self, *_: object) -> Any:
        return self._reply

    def windows(self) -> Windows:
        reading = ServingCopy(cast("Any", self)).windows()
        try:
            reading.send(None)
        except StopIteration as done:
            windows: Windows = done.value
            return windows
        raise AssertionError("nothing here waits")
