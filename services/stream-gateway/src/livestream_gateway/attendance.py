"""A client's time with us: it joins at the border, leaves when it is too slow or its views are void, joins again."""

import asyncio
from collections.abc import Sequence
from typing import Final

from livestream.cursor import Cursor
from livestream.frames import SnapshotReason
from livestream.logs import get_logger
from livestream.retries import until_it_works
from livestream_gateway import metrics
from livestream_gateway.catch_up import CatchUp, EvictedError
from livestream_gateway.follower import UNREACHABLE, Follower, Following
from livestream_gateway.hub import Hub
from livestream_gateway.resume import UNKNOWN_CURSOR, Plan, Snapshot, decide, said
from livestream_gateway.stream import OPEN_END, Stream
from livestream_gateway.wire import Joined, Wire

# A client that takes nothing for so long is not reading any more.
_STUCK_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.1

_log = get_logger(__name__)


class Attendance:
    """Runs one coroutine a client. Between joining and leaving, the hub alone writes to it."""

    def __init__(self, hub: Hub, follower: Follower) -> None:
        self._hub = hub
        self._follower = follower

    async def attend(self, stream: Stream) -> None:
        """Serve a client until this is cancelled."""
        self._hub.streams.add(stream)
        try:
            stream.connection.write(Joined(self._hub.status, OPEN_END))
            await self._wait_for_its_epoch(stream)
            while True:
                await self._join(stream)
                await stream.left.wait()
                if stream.is_slow:
                    await self._drained(stream)
        finally:
            stream.leave()
            self._hub.streams.discard(stream)

    async def _wait_for_its_epoch(self, stream: Stream) -> None:
        """A page may have been rendered in an epoch that we have not heard of yet."""
        await self._ready(stream)
        claim, border = stream.claim, self._hub.border
        if isinstance(claim, Cursor) and border and claim.epoch != border.epoch:
            await until_it_works("observe_redis", self._follower.observe, UNREACHABLE)
            if self._follower.following is not self._hub.following:
                await self._hub.moved.wait()

    async def _join(self, stream: Stream) -> None:
        while True:
            await self._ready(stream)
            following, border = self._hub.following, self._hub.border
            if following is None or border is None:
                continue
            plan = decide(stream.claim, border)
            if plan is Plan.AHEAD:
                plan = await self._wait_for(stream)
            if plan is Plan.CURRENT:
                stream.join(border)
                return
            if isinstance(plan, Snapshot):
                if self._is_valid(stream, following):
                    self._send_snapshots(stream, plan.reason)
                    return
            elif plan is Plan.CATCH_UP and await self._catch_up(stream, following):
                return

    async def _ready(self, stream: Stream) -> None:
        """Until all its views are at the border."""
        while not stream.is_complete:
            for watched in stream.views:
                await watched.ready.wait()

    async def _wait_for(self, stream: Stream) -> Snapshot | Plan:
        """Until the border has moved towards a cursor that is ahead of it, if there is such a cursor."""
        claim, moved = stream.claim, self._hub.moved
        if not isinstance(claim, Cursor):
            return Plan.AHEAD
        exists = await until_it_works("observe_redis", lambda: self._follower.reaches(claim), UNREACHABLE)
        if not exists:
            return UNKNOWN_CURSOR
        await moved.wait()
        return Plan.AHEAD

    async def _catch_up(self, stream: Stream, following: Following) -> bool:
        """Whether it joined; else things have changed meanwhile."""
        if not isinstance(stream.claim, Cursor):
            return False
        missed = [self._hub.catch_ups.since(watched.view, stream.claim) for watched in stream.views]
        try:
            await until_it_works("catch_up", lambda: self._fold(missed, following), UNREACHABLE)
        except EvictedError:
            if self._is_valid(stream, following):
                self._send_snapshots(stream, SnapshotReason.SLOW if stream.is_slow else SnapshotReason.EVICTED)
                return True
            return False
        if not self._is_valid(stream, following):
            return False
        self._send_missed(stream, missed)
        return True

    async def _fold(self, missed: Sequence[CatchUp], following: Following) -> None:
        """Bring all to the border, which moves on while one is folded."""
        while (border := self._border(following)) and not all(each.is_at(border.sequence) for each in missed):
            for each in missed:
                await each.fold_to(following, lambda: border.sequence if (border := self._border(following)) else 0)

    def _border(self, following: Following) -> Cursor | None:
        return self._hub.border if self._hub.following is following else None

    def _is_valid(self, stream: Stream, following: Following) -> bool:
        """Whether what was prepared is still about what is: no epoch began, no view is being read anew."""
        return self._hub.following is following and stream.is_complete

    def _send_missed(self, stream: Stream, missed: Sequence[CatchUp]) -> None:
        border = self._hub.border
        if border is None:
            return
        frames: list[Wire] = []
        for watched, each in zip(stream.views, missed, strict=True):
            if each.misses_too_much:
                reason = SnapshotReason.SLOW if stream.is_slow else SnapshotReason.BEHIND
                metrics.SNAPSHOTS.labels(reason.value).inc()
                _log_reset(stream, reason, border)
                frames.append(watched.snapshot(reason))
            elif frame := each.told(watched, border.sequence):
                frames.append(frame)
        metrics.CATCH_UPS.inc()
        self._write_and_join(stream, frames, border)

    def _send_snapshots(self, stream: Stream, reason: SnapshotReason) -> None:
        if self._hub.border is None:
            return
        metrics.SNAPSHOTS.labels(reason.value).inc(len(stream.views))
        if reason is not SnapshotReason.START:
            _log_reset(stream, reason, self._hub.border)
        self._write_and_join(stream, [watched.snapshot(reason) for watched in stream.views], self._hub.border)

    def _write_and_join(self, stream: Stream, frames: Sequence[Wire], border: Cursor) -> None:
        """Events without their ends: the last one completes the position."""
        wires: list[Wire] = []
        for frame in frames:
            wires += [frame, OPEN_END]
        wires[-1:] = [self._hub.end] if wires else []
        for wire in wires:
            stream.connection.write(wire)
        stream.join(border)

    async def _drained(self, stream: Stream) -> None:
        """Until a slow client has taken what waits for it; cuts it where it takes nothing."""
        loop = asyncio.get_running_loop()
        waiting, deadline = stream.connection.buffered_bytes, loop.time() + _STUCK_SECONDS
        while waiting:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            left = stream.connection.buffered_bytes
            if left < waiting:
                waiting, deadline = left, loop.time() + _STUCK_SECONDS
            elif loop.time() >= deadline:
                metrics.CUT.labels("stuck").inc()
                _log.info("client_cut", stream=stream.number, waiting_bytes=waiting)
                stream.connection.abort()
                return


def _log_reset(stream: Stream, reason: SnapshotReason, border: Cursor) -> None:
    """A client does not go on from where it was. Counted always; told at `debug`, since all may be reset at once."""
    _log.debug("stream_reset", stream=stream.number, reason=reason.value, held=said(stream.claim), border=str(border))
