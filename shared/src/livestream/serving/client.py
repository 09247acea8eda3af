"""Access to the serving copy: one method a Redis Function of serving.lua. Each call is atomic and one round trip."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple, cast

import msgspec
from prometheus_client import Histogram
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from livestream.cursor import Cursor
from livestream.deltas import MessageRow, NameRow, RemovedName, Totals, UserShare

NameKind = Literal["channels", "users"]
StagedKind = Literal["messages", "channels", "shares", "ended"]
_REBUILD_KEY = "{livestream}:rebuild"
# Of a rebuild that was killed nobody speaks for longer.
_REBUILD_SHOWN_SECONDS = 10
# How many of the newest messages serving.lua keeps, as its constant of that name says.
KEPT_MESSAGES = 1_000

CALL_SECONDS = Histogram(
    "livestream_redis_call_seconds",
    "Time until Redis has answered a call of one of our functions",
    ["function"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)

_SOURCE = resources.files("livestream.serving").joinpath("serving.lua").read_text("utf-8")
_VERSION = hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]
_LIBRARY = _SOURCE.replace("VERSION", _VERSION)

_decode_totals = msgspec.msgpack.Decoder(Totals).decode
_decode_message = msgspec.msgpack.Decoder(MessageRow).decode
_decode_name = msgspec.msgpack.Decoder(NameRow).decode
_decode_positions = msgspec.msgpack.Decoder(list[tuple[int, int, int, int, int]]).decode
_encode = msgspec.msgpack.Encoder().encode


class NoEpochError(Exception):
    """Nothing is loaded: Redis started anew, was emptied, or was never filled. Somebody has to load an epoch.

    Or removals have left so few of the newest messages that it cannot tell a window of them until that is done.
    """


class NameOrder(StrEnum):
    """The orders that channels and users can be listed in. Ties, and `NAME`, go by the names' code points."""

    MESSAGES = "messages"
    LAST = "last"
    NAME = "name"


class PublishOutcome(StrEnum):
    """What became of a batch: `OK`, `FEW` and `DUPLICATE` mean that it is in. `BEHIND`: earlier batches are missing.

    `FEW`: removals have left too few of the newest messages, and a new epoch should be loaded.
    """

    OK = "ok"
    FEW = "few"
    DUPLICATE = "duplicate"
    BEHIND = "behind"
    CONFLICT = "conflict"
    NO_EPOCH = "no-epoch"
    GENERATION = "generation"


class Recounts(NamedTuple):
    """How many steps were made, and of how many channels there are more to come (`livestream.fold.recounts`)."""

    done: int
    outstanding: int


class Stand(NamedTuple):
    """The position a read reflects. `positions`: partition → next offsets of (messages.v1, users.v1).

    `recounts`: partition → how users' counts follow deletions of big channels.
    """

    cursor: Cursor
    generation: int
    now_ms: int
    totals: Totals
    positions: dict[int, tuple[int, int]]
    recounts: dict[int, Recounts]

    @property
    def recounting(self) -> frozenset[int]:
        """Partitions where users' counts are not yet what their visible messages are."""
        return frozenset(partition for partition, recounts in self.recounts.items() if recounts.outstanding)


class Windows(NamedTuple):
    """The newest messages, oldest first, and the channels and users with most messages, most first."""

    stand: Stand
    messages: list[MessageRow]
    channels: list[NameRow]
    users: list[NameRow]


class Page(NamedTuple):
    """Some rows of an order; `next` is (score, name) of the last row, None where nothing follows."""

    stand: Stand
    rows: list[NameRow]
    next: tuple[str, str] | None


class Activity(NamedTuple):
    """How many messages came lately, by steps of time, and how many were visible in all, at `now_ms` by Redis.

    `counts`: step → messages that came to be visible in it, where step n begins at n · `step_ms` since 1970 UTC. What
    was deleted later stays counted. A step that is missing is one in which nobody counted, not one without messages.
    """

    now_ms: int
    messages: int
    step_ms: int
    counts: dict[int, int]


class ProgressReport(msgspec.Struct, array_like=True, frozen=True):
    """What a projector sees of one partition. `last_append_ms`: newest append time folded. `reported_ms`: by Redis.

    `lag_ms`: how long the oldest record that is not folded yet has been on the log; 0 where there is none.
    """

    partition: int
    log_end: int
    folded: int
    last_append_ms: int
    lag_ms: int
    reported_ms: int = 0


class Status(NamedTuple):
    """What the heartbeat needs. `cursor` is None while there is no epoch; `rebuild` is its progress from 0 to 1.

    `generation` is the one that the epoch was loaded from. `is_worn`: removals left too few of its newest messages.
    """

    now_ms: int
    cursor: Cursor | None
    partitions: int
    last_message_ms: int | None
    rebuild: float | None
    reports: list[ProgressReport]
    generation: int | None = None
    is_worn: bool = False


_decode_report = msgspec.msgpack.Decoder(ProgressReport).decode


class ServingCopy:
    """All methods raise redis.exceptions.RedisError where the server fails; reads raise NoEpochError as said there."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def publish(
        self, batch: bytes, generation: int, traces: Sequence[bytes] = ()
    ) -> tuple[PublishOutcome, Cursor | None]:
        """Apply an encoded `Batch` and append it to the delta log. Second: where that stands, if the batch is in.

        `traces`: see `livestream.deltas.Delta`.
        """
        outcome, *cursor = await self._call("publish", batch, generation, b" ".join(traces))
        return PublishOutcome(outcome.decode()), Cursor(cursor[0].decode(), int(cursor[1])) if cursor else None

    async def stage(
        self,
        epoch: str,
        kind: StagedKind,
        rows: Sequence[MessageRow | NameRow | UserShare | RemovedName],
    ) -> None:
        """Fill an epoch that nobody reads yet."""
        await self._call("stage", epoch, kind, _encode(rows))

    async def switch(
        self,
        epoch: str,
        generation: int,
        partitions: int,
        positions: Sequence[tuple[int, int, int, int, int, int, int]],
        *,
        replaces: str,
        staged: int,
    ) -> bool:
        """Make a staged epoch the one to read.

        `positions`: (partition, both next offsets, messages, channels, recounts, recounting), as of `PositionStep`.

        False, and nothing done, where the epoch held is not `replaces` ("" for none): another loader was faster. Nor
        where Redis does not remember all of the `staged` calls of `stage`: it was emptied or restarted between them.
        """
        arguments = (epoch, generation, partitions, _encode(positions), replaces, staged)
        return bool(await self._call("switch", *arguments) == b"ok")

    async def windows(self, *, messages: int = 0, channels: int = 0, users: int = 0) -> Windows:
        """The top of the three orders at one position. Raises NoEpochError."""
        stand, newest, top_channels, top_users = _loaded(await self._call("windows", messages, channels, users))
        return Windows(
            _stand(stand),
            [_decode_message(row) for row in newest],
            [_decode_name(row) for row in top_channels],
            [_decode_name(row) for row in top_users],
        )

    async def names(self, kind: NameKind, names: Sequence[str]) -> tuple[Stand, list[NameRow | None]]:
        """Rows by name; None where a name has no visible message. Raises NoEpochError."""
        stand, rows = _loaded(await self._call("names", kind, *names))
        return _stand(stand), [_decode_name(row) if row else None for row in rows]

    async def page(self, kind: NameKind, order: NameOrder, limit: int, after: tuple[str, str] | None = None) -> Page:
        """`limit` rows of an order, behind `after` = (score, name) of another page. Raises NoEpochError."""
        stand, rows, last_score = _loaded(await self._call("page", kind, order.value, limit, *(after or ())))
        decoded = [_decode_name(row) for row in rows]
        more = (last_score.decode(), decoded[-1].name) if len(decoded) == limit else None
        return Page(_stand(stand), decoded, more)

    async def activity(self) -> Activity:
        """The last ten minutes. Raises NoEpochError."""
        now, messages, step_ms, flat = _loaded(await self._call("activity"))
        numbers = [int(number) for number in flat]
        return Activity(int(now), int(messages), int(step_ms), dict(zip(numbers[::2], numbers[1::2], strict=True)))

    async def report(self, reports: Sequence[ProgressReport]) -> bool:
        """Tell followers how far the fold is; false while there is no epoch."""
        return bool(await self._call("report", _encode(reports)) == b"ok")

    async def show_rebuild(self, progress: float | None) -> None:
        """Say for the next seconds that a rebuild is under way, from 0 to 1; None: that there is none any more."""
        if progress is None:
            await self.redis.delete(_REBUILD_KEY)
        else:
            await self.redis.set(_REBUILD_KEY, progress, ex=_REBUILD_SHOWN_SECONDS)

    async def status(self) -> Status:
        now, epoch, sequence, generation, partitions, newest, rebuild, reports, worn = await self._call("status")
        return Status(
            now_ms=int(now),
            cursor=Cursor(epoch.decode(), int(sequence)) if epoch else None,
            partitions=int(partitions),
            last_message_ms=int(newest) if newest else None,
            rebuild=float(rebuild) if rebuild else None,
            reports=[_decode_report(line) for line in reports],
            generation=int(generation) if epoch else None,
            is_worn=bool(worn),
        )

    async def _call(self, function: str, *arguments: str | int | bytes) -> Any:
        with _call_seconds(function).time():
            return await self._call_loaded(function, arguments)

    async def _call_loaded(self, function: str, arguments: tuple[str | int | bytes, ...]) -> Any:
        name = f"livestream_{_VERSION}_{function}"
        try:
            return await self._fcall(name, arguments)
        except ResponseError as error:
            if "not found" not in str(error).lower():
                raise
        await self.redis.function_load(_LIBRARY, replace=True)
        return await self._fcall(name, arguments)

    async def _fcall(self, name: str, arguments: tuple[str | int | bytes, ...]) -> Any:
        return await cast("Any", self.redis.fcall(name, 0, *cast("tuple[str, ...]", arguments)))


@cache  # labels() costs more than what it is asked for
def _call_seconds(function: str) -> Histogram:
    return CALL_SECONDS.labels(function)


def _loaded(reply: list[Any] | None) -> list[Any]:
    if reply is None:
        raise NoEpochError
    return reply


def _stand(reply: list[bytes]) -> Stand:
    epoch, generation, sequence, now, totals, encoded_positions = reply
    positions = _decode_positions(encoded_positions)
    return Stand(
        Cursor(epoch.decode(), int(sequence)),
        int(generation),
        int(now),
        _decode_totals(totals),
        {partition: (messages, users) for partition, messages, users, _, _ in positions},
        {partition: Recounts(done, outstanding) for partition, _, _, done, outstanding in positions},
    )
