"""Reading the delta log: the Redis stream that serving.lua appends to."""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from livestream.cursor import Cursor
from livestream.deltas import Delta, decode_delta

# A read of the log holds this many deltas at a time: at 20 a second, a few seconds' worth.
_CHUNK_DELTAS = 100


class DeltaLog:
    """The deltas of one epoch. Methods raise redis.exceptions.RedisError where the server fails."""

    def __init__(self, redis: Redis, epoch: str) -> None:
        self._redis = redis
        self.epoch = epoch
        self._key = f"{{livestream}}:{epoch}:deltas"

    async def follow(self, after: int, block_ms: int) -> list[Delta]:
        """The deltas behind sequence `after`, waiting up to `block_ms` for the first; empty where none came."""
        reply: Any = await self._redis.xread({self._key: f"{after}-0"}, count=_CHUNK_DELTAS, block=block_ms)
        streams = reply.values() if isinstance(reply, dict) else [entries for _, entries in reply or ()]
        for entries in streams:
            return [decode_delta(*entry) for entry in _flat(entries)]
        return []

    async def first_sequence(self) -> int | None:
        """The oldest retained delta's, None where the log is empty."""
        entries: Any = await self._redis.xrange(self._key, count=1)
        return int(entries[0][0].partition(b"-")[0]) if entries else None

    async def between(self, after: int, to: int) -> AsyncIterator[Delta]:
        """The deltas of (after, to], in order."""
        while after < to:
            entries: Any = await self._redis.xrange(self._key, f"{after + 1}-0", f"{to}-0", count=_CHUNK_DELTAS)
            if not entries:
                return
            for entry in entries:
                delta = decode_delta(*entry)
                after = delta.sequence
                yield delta

    async def retains(self, cursor: Cursor) -> bool:
        """Whether every delta behind the cursor is still there. A log that was never trimmed starts at 1."""
        if cursor.epoch != self.epoch:
            return False
        first = await self.first_sequence()
        return first is None or first <= cursor.sequence + 1


def _flat(entries: Any) -> Any:
    """redis-py wraps an entry list once more under RESP3."""
    return entries[0] if entries and isinstance(entries[0], list) else entries
