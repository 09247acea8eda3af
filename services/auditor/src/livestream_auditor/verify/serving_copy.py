"""Redis: every merged row, the orders, and the newest messages, brought to one position."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream import times
from livestream.cursor import Cursor
from livestream.deltas import Delta, MessageRow, NameRow
from livestream.retries import describe
from livestream.serving import DeltaLog, NameKind, NameOrder, NoEpochError, ServingCopy, Stand
from livestream_auditor.verify.findings import CouldNotRunError, Section, UnsettledError
from livestream_auditor.verify.log_reader import Positions
from livestream_auditor.verify.rows import MessageJson, NameSeen, check_newest, name_expected
from livestream_auditor.witness import ReadModel, message_key

WINDOW_MESSAGES: Final = 200  # the largest window of messages and of names that anybody reads
WINDOW_NAMES: Final = 500

_ATTEMPTS: Final = 5
_KINDS: Final[tuple[NameKind, NameKind]] = ("channels", "users")

ChannelsAt = Callable[[Positions], Awaitable[Sequence[str]]]

_decode_message = msgspec.json.Decoder(MessageJson).decode


class _MovedError(Exception):
    """The epoch changed, or deltas were trimmed, while the copy was read: it has to be read anew."""


class OrderRead(NamedTuple):
    """The first names of an order, and all rows as they were at that moment, from which the order follows."""

    kind: NameKind
    order: NameOrder
    found: list[NameRow]
    expected: list[NameRow]


class CopyRead(NamedTuple):
    """What Redis holds at one position. `names` and `orders` have all rows, or (not `is_whole`) some channels only."""

    stand: Stand
    messages: list[MessageRow]
    names: dict[NameKind, dict[str, NameRow]]
    orders: list[OrderRead]
    is_whole: bool


async def read_serving_copy(redis: Redis, channels_at: ChannelsAt | None = None) -> CopyRead:
    """Everything, or of channels only those that there are at a position by `channels_at`, and what came since.

    Raises UnsettledError, and CouldNotRunError where there is no epoch, or Redis fails.
    """
    for _ in range(_ATTEMPTS):
        try:
            read = await _Reader(redis).read(channels_at)
        except _MovedError:
            continue
        except NoEpochError:
            raise CouldNotRunError("Redis holds no read model at the moment: it is being loaded or rebuilt") from None
        except RedisError as error:
            raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
        if read.stand.recounting:
            raise UnsettledError
        return read
    raise CouldNotRunError(f"the read model in Redis was replaced while it was read, {_ATTEMPTS} times in a row")


class _Reader:
    """Reads page by page, and brings the pages read before along by the delta log: no read blocks the server."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._serving = ServingCopy(redis)
        self._names: dict[NameKind, dict[str, NameRow]] = {"channels": {}, "users": {}}
        self._at: Cursor | None = None

    async def read(self, channels_at: ChannelsAt | None) -> CopyRead:
        if channels_at is not None:
            return await self._read_channels(channels_at)
        for kind in _KINDS:
            await self._read_names(kind)
        orders = [
            await self._read_order(kind, order) for kind in _KINDS for order in (NameOrder.MESSAGES, NameOrder.LAST)
        ]
        windows = await self._serving.windows(messages=WINDOW_MESSAGES, channels=WINDOW_NAMES, users=WINDOW_NAMES)
        await self._follow(windows.stand)
        for kind, found in (("channels", windows.channels), ("users", windows.users)):
            orders.append(self._order(kind, NameOrder.MESSAGES, found))
        return CopyRead(windows.stand, windows.messages, self._names, orders, is_whole=True)

    async def _read_channels(self, channels_at: ChannelsAt) -> CopyRead:
        stand = (await self._serving.windows()).stand
        await self._follow(stand)  # from here on, the delta log tells of new ones
        channels = await channels_at(stand.positions)
        for start in range(0, len(channels), WINDOW_NAMES):
            stand, rows = await self._serving.names("channels", channels[start : start + WINDOW_NAMES])
            await self._follow(stand)
            self._names["channels"].update((row.name, row) for row in rows if row)
        windows = await self._serving.windows(messages=WINDOW_MESSAGES)
        await self._follow(windows.stand)
        return CopyRead(windows.stand, windows.messages, self._names, [], is_whole=False)

    async def _read_names(self, kind: NameKind) -> None:
        after: tuple[str, str] | None = None
        while True:
            page = await self._serving.page(kind, NameOrder.NAME, WINDOW_NAMES, after)
            await self._follow(page.stand)
            self._names[kind].update((row.name, row) for row in page.rows)
            if page.next is None:
                return
            after = page.next

    async def _read_order(self, kind: NameKind, order: NameOrder) -> OrderRead:
        page = await self._serving.page(kind, order, WINDOW_NAMES)
        await self._follow(page.stand)
        return self._order(kind, order, page.rows)

    def _order(self, kind: NameKind, order: NameOrder, found: list[NameRow]) -> OrderRead:
        key = _by_messages if order is NameOrder.MESSAGES else _by_last
        return OrderRead(kind, order, found, sorted(self._names[kind].values(), key=key)[:WINDOW_NAMES])

    async def _follow(self, stand: Stand) -> None:
        """Bring what was read to where `stand` is."""
        cursor = stand.cursor
        at, self._at = self._at, cursor
        if at is None:
            return
        if at.epoch != cursor.epoch:
            raise _MovedError
        sequence = at.sequence
        async for delta in DeltaLog(self._redis, cursor.epoch).between(sequence, cursor.sequence):
            if delta.sequence != sequence + 1:
                raise _MovedError
            sequence = delta.sequence
            self._apply(delta)
        if sequence != cursor.sequence:
            raise _MovedError

    def _apply(self, delta: Delta) -> None:
        changed: tuple[tuple[NameKind, list[NameRow]], ...] = (("channels", delta.channels), ("users", delta.users))
        for kind, rows in changed:
            for row in rows:
                if row.messages:
                    self._names[kind][row.name] = row
                else:
                    self._names[kind].pop(row.name, None)


def compare_serving_copy(read: CopyRead, model: ReadModel, section: Section) -> None:
    """`model` is the witness's, at the position of `read`; users and totals are compared where it knows all of them."""
    found = {name: _seen(row) for name, row in read.names["channels"].items() if name in model.sample}
    section.check_all("channels", {name: name_expected(tally) for name, tally in model.channels.items()}, found)
    if model.sample.is_whole:
        totals = tuple(msgspec.structs.astuple(read.stand.totals))
        section.check("totals", "messages, channels, users", model.totals, totals)
    if model.sample.is_whole and read.is_whole:
        users = {name: _seen(row) for name, row in read.names["users"].items()}
        section.check_all("users", {name: name_expected(tally) for name, tally in model.users.items()}, users)
    if read.is_whole:
        _check_conservation(read, section)
    for order in read.orders:
        section.check_ranked(f"{order.kind} by {order.order}", map(_place, order.expected), map(_place, order.found))
    messages = [_decode_message(row.json) for row in read.messages]
    check_newest(section, "newest messages", model, messages, WINDOW_MESSAGES)
    _check_ids((message for message in messages if message.channel in model.sample), model, section)


def _check_conservation(read: CopyRead, section: Section) -> None:
    """Without asking the witness: a message counts once by its channel, once by its user, and once in the totals."""
    totals = read.stand.totals
    for kind in _KINDS:
        count, rows = totals.channels if kind == "channels" else totals.users, read.names[kind].values()
        section.check("conservation", f"messages by {kind}", totals.messages, sum(row.messages for row in rows))
        section.check("conservation", f"number of {kind}", count, len(rows))


def _check_ids(found: Iterable[MessageJson], model: ReadModel, section: Section) -> None:
    """The witness keeps no ids; it can only say whether the message with this one is the same."""
    for message in found:
        known = model.find_shown(message_key(message.channel, message.id))
        offset = known.offset if known else None
        section.check("message ids", (message.channel, message.id), offset, message.offset)


def _seen(row: NameRow) -> NameSeen:
    return NameSeen(row.messages, times.format_ms(row.last_ms), row.display_name)


def _place(row: NameRow) -> tuple[str, NameSeen]:
    return (row.name, _seen(row))


def _by_messages(row: NameRow) -> tuple[int, str]:
    return (-row.messages, row.name)


def _by_last(row: NameRow) -> tuple[int, str]:
    return (-row.last_ms, row.name)
