"""Redis: every merged row, the orders, and the newest messages, brought to one position."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream import times
from livestream.cursor import Cursor
from livestream.deltas import Delta, MessageRow, NameRow
from livestream.retries import describe
from livestream.serving import DeltaLog, NameOrder, NoEpochError, ServingCopy, Stand
from livestream.serving.client import NameKind
from livestream_auditor.verify.findings import CouldNotRunError, Section
from livestream_auditor.verify.rows import MessageJson, NameSeen, messages_expected, messages_seen, name_expected
from livestream_auditor.witness import ReadModel, message_key

WINDOW_MESSAGES: Final = 200  # the largest window of messages and of names that anybody reads
WINDOW_NAMES: Final = 500

_ATTEMPTS: Final = 5
_KINDS: Final[tuple[NameKind, NameKind]] = ("channels", "users")

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
    """What Redis holds at one position."""

    stand: Stand
    messages: list[MessageRow]
    names: dict[NameKind, dict[str, NameRow]]
    orders: list[OrderRead]


async def read_serving_copy(redis: Redis) -> CopyRead:
    """Raises CouldNotRunError where there is no epoch, or Redis fails."""
    for _ in range(_ATTEMPTS):
        try:
            return await _Reader(redis).read()
        except _MovedError:
            continue
        except NoEpochError:
            raise CouldNotRunError("Redis holds no read model at the moment: it is being loaded or rebuilt") from None
        except RedisError as error:
            raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
    raise CouldNotRunError(f"the read model in Redis was replaced while it was read, {_ATTEMPTS} times in a row")


class _Reader:
    """Reads page by page, and brings the pages read before along by the delta log: no read blocks the server."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._serving = ServingCopy(redis)
        self._names: dict[NameKind, dict[str, NameRow]] = {"channels": {}, "users": {}}
        self._at: Cursor | None = None

    async def read(self) -> CopyRead:
        for kind in _KINDS:
            await self._read_names(kind)
        orders = [
            await self._read_order(kind, order) for kind in _KINDS for order in (NameOrder.MESSAGES, NameOrder.LAST)
        ]
        windows = await self._serving.windows(messages=WINDOW_MESSAGES, channels=WINDOW_NAMES, users=WINDOW_NAMES)
        await self._follow(windows.stand)
        for kind, found in (("channels", windows.channels), ("users", windows.users)):
            orders.append(self._order(kind, NameOrder.MESSAGES, found))
        return CopyRead(windows.stand, windows.messages, self._names, orders)

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
    """`model` is the witness's, at the position of `read`."""
    section.check(
        "totals", "messages, channels, users", model.totals, tuple(msgspec.structs.astuple(read.stand.totals))
    )
    for kind in _KINDS:
        tallies = model.channels if kind == "channels" else model.users
        expected = {name: name_expected(tally) for name, tally in tallies.items()}
        section.check_all(kind, expected, {row.name: _seen(row) for row in read.names[kind].values()})
    for order in read.orders:
        section.check_ranked(f"{order.kind} by {order.order}", map(_place, order.expected), map(_place, order.found))
    found = [_decode_message(row.json) for row in read.messages]
    section.check_ranked("newest messages", messages_expected(model.newest(WINDOW_MESSAGES)), messages_seen(found))
    _check_ids(found, model, section)


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
