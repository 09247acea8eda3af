"""Handing what was encoded once to all who are to have it. Nothing here waits for a client."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from livestream.cursor import Cursor
from livestream_gateway import metrics
from livestream_gateway.connection import TOO_SLOW
from livestream_gateway.stream import OPEN_END, Stream
from livestream_gateway.watched import WatchedView
from livestream_gateway.wire import Joined, Piece, Wire

# Writing to so many takes a few milliseconds; then whoever connects or asks for health has a turn.
_STREAMS_AT_ONCE: Final = 500


class FanOut:
    """`client_buffer_bytes`: a client that has more waiting is not written to until that is drained."""

    def __init__(self, client_buffer_bytes: int) -> None:
        self._client_buffer_bytes = client_buffer_bytes
        self._written_streams = 0
        self._written_bytes = 0

    async def tick(self, told: Mapping[WatchedView, Piece], border: Cursor, end: Piece) -> None:
        """Send each view's frame to its clients. All frames end at `border`, whose `id:` is `end`."""
        several: set[Stream] = set()
        frames = 0
        for watched, body in told.items():
            whole = Joined(body, end)
            for stream in list(watched.streams):
                if len(stream.views) > 1:
                    several.add(stream)
                elif stream.is_before(border):
                    frames += self._send(stream, whole, border)
                    if self._written_streams >= _STREAMS_AT_ONCE:
                        await self._give_turn()
        joined: dict[tuple[Piece, ...], Joined] = {}
        for stream in several:
            if stream.is_before(border):
                bodies = [told[watched] for watched in stream.views if watched in told]
                frames += len(bodies) * self._send_several(stream, bodies, border, end, joined)
                if self._written_streams >= _STREAMS_AT_ONCE:
                    await self._give_turn()
        self._count("delta", frames)

    async def status(self, streams: Collection[Stream], body: Piece, border: Cursor | None, end: Piece) -> None:
        """Send the heartbeat; to those who are complete up to the border it says so, that their cursors do not age."""
        positioned, plain = Joined(body, end), Joined(body, OPEN_END)
        frames = 0
        for stream in list(streams):
            if stream.live and stream.is_complete:
                frames += self._send(stream, positioned, border)
            elif not stream.is_slow:
                frames += self._send(stream, plain, None)
            if self._written_streams >= _STREAMS_AT_ONCE:
                await self._give_turn()
        self._count("status", frames)

    def _send_several(
        self,
        stream: Stream,
        bodies: Sequence[Piece],
        border: Cursor,
        end: Piece,
        joined: dict[tuple[Piece, ...], Joined],
    ) -> bool:
        """Only the last frame of a tick completes a position, and only where no view is still being read.

        `joined` are the frames of this tick in one piece, by what they are made of: browsers show the same pages.
        """
        is_complete = stream.is_complete
        ends = [OPEN_END] * (len(bodies) - 1) + [end if is_complete else OPEN_END]
        pieces = tuple(piece for pair in zip(bodies, ends, strict=True) for piece in pair)
        return self._send(stream, joined.setdefault(pieces, Joined(*pieces)), border if is_complete else None)

    def _send(self, stream: Stream, wire: Wire, completes: Cursor | None) -> bool:
        """Whether it was written: a slow client is left out from here on."""
        written = stream.connection.offer(wire, self._client_buffer_bytes)
        if written == TOO_SLOW:
            metrics.CONFLATED.inc()
            stream.leave(slow=True)
            return False
        if completes is not None:
            stream.claim = completes
        self._written_bytes += written
        self._written_streams += 1
        return True

    async def _give_turn(self) -> None:
        self._written_streams = 0
        await asyncio.sleep(0)

    def _count(self, event: str, frames: int) -> None:
        metrics.FRAMES_SENT.labels(event).inc(frames)
        metrics.BYTES_SENT.inc(self._written_bytes)
        self._written_bytes = 0
