"""The stream: whether a viewer who has watched meanwhile sees what the log says."""

from typing import Final, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from livestream.cursor import Cursor
from livestream.deltas import Delta, Totals
from livestream.retries import describe
from livestream.serving import DeltaLog, NoEpochError, ServingCopy
from livestream_auditor.verify.canary import (
    HOME_MESSAGES,
    HOME_NAMES,
    VIEWS,
    WINDOW_MESSAGES,
    WINDOW_NAMES,
    Canary,
    Held,
)
from livestream_auditor.verify.findings import CouldNotRunError, Section, UnsettledError
from livestream_auditor.verify.log_reader import Positions
from livestream_auditor.verify.rows import NameSeen, check_newest, message_expected, name_expected
from livestream_auditor.verify.view_held import NameJson, ViewHeld
from livestream_auditor.witness import NameTally, ReadModel, message_key

CATCH_UP_SECONDS: Final = 15.0  # ten times what a tick may take under load

_ATTEMPTS: Final = 5


class StreamRead(NamedTuple):
    """What a viewer holds, the position of the log that it stands for, and what Redis says of the totals there."""

    held: Held
    positions: Positions
    totals: Totals


async def read_stream(canary: Canary, redis: Redis) -> StreamRead:
    """Not before the stream has reached where Redis is now. Raises CouldNotRunError, and UnsettledError of them."""
    try:
        for _ in range(_ATTEMPTS):
            read = await _read(canary, redis)
            if read is not None:
                return read
    except NoEpochError:
        raise CouldNotRunError("Redis holds no read model at the moment: it is being loaded or rebuilt") from None
    except RedisError as error:
        raise CouldNotRunError(f"Redis cannot be read: {describe(error)}") from None
    raise CouldNotRunError(f"the delta log was cut or begun anew while it was read, {_ATTEMPTS} times in a row")


async def _read(canary: Canary, redis: Redis) -> StreamRead | None:
    stand = (await ServingCopy(redis).windows()).stand
    log = DeltaLog(redis, stand.cursor.epoch)
    held = canary.held_now()
    # Deltas without rows (of records that were all refused, say) are no news to a viewer, who may hear no position.
    if held is None or not await _nothing_between(log, held.cursor, stand.cursor):
        held = await canary.held_at(stand.cursor, CATCH_UP_SECONDS)
    if held is None:
        raise CouldNotRunError(
            f"the stream has not reached {stand.cursor} within {CATCH_UP_SECONDS:.0f} s; it is at {canary.cursor} "
            f"({canary.problem})"
        )
    deltas = await _between(log, stand.cursor, held.cursor)
    if deltas is None:
        return None
    positions, totals = dict(stand.positions), stand.totals
    recounting = dict.fromkeys(stand.recounting, True)
    for delta in deltas:
        positions.update(delta.positions)
        recounting.update(delta.recounting)
        totals = delta.totals
    if any(recounting.values()):
        raise UnsettledError
    return StreamRead(held, positions, totals)


async def _between(log: DeltaLog, after: Cursor, to: Cursor) -> list[Delta] | None:
    """The deltas of (after, to]; None where they are not all there."""
    if after.epoch != to.epoch:
        return None
    deltas = [delta async for delta in log.between(after.sequence, to.sequence)]
    complete = [delta.sequence for delta in deltas] == list(range(after.sequence + 1, to.sequence + 1))
    return deltas if complete else None


async def _nothing_between(log: DeltaLog, after: Cursor, to: Cursor) -> bool:
    deltas = await _between(log, after, to)
    return deltas is not None and not any(
        delta.messages
        or delta.removed_messages
        or delta.removed_channels
        or delta.removed_users
        or delta.channels
        or delta.users
        for delta in deltas
    )


def compare_stream(read: StreamRead, model: ReadModel, section: Section) -> None:
    """`model` is the witness's, at the position of `read`; users and totals are compared where it knows all of them."""
    held, redis = read.held, msgspec.structs.astuple(read.totals)
    if model.sample.is_whole:
        section.check("totals", "Redis", model.totals, redis)
    for name in VIEWS:
        view = held.views.get(name, ViewHeld())
        totals = (view.totals.messages, view.totals.channels, view.totals.users) if view.totals else None
        section.check("totals", name, redis, totals)
    home, messages = held.views.get("home", ViewHeld()), held.views.get("messages", ViewHeld())
    _compare_newest("home: messages", home, model, HOME_MESSAGES, section)
    _compare_newest("messages: newest", messages, model, WINDOW_MESSAGES, section)
    _compare_messages_held(messages, model, section)
    if model.sample.is_whole:
        _compare_top("home: channels", home.channels, model.channels, HOME_NAMES, section)
        _compare_top("home: users", home.users, model.users, HOME_NAMES, section)
    channels, users = held.views.get("channels", ViewHeld()).channels, held.views.get("users", ViewHeld()).users
    _compare_names_held(
        "channels", {n: row for n, row in channels.items() if n in model.sample}, model.channels, section
    )
    if model.sample.is_whole:
        _compare_top("channels: top", channels, model.channels, WINDOW_NAMES, section)
        _compare_top("users: top", users, model.users, WINDOW_NAMES, section)
        _compare_names_held("users", users, model.users, section)


def _compare_newest(kind: str, view: ViewHeld, model: ReadModel, count: int, section: Section) -> None:
    check_newest(section, kind, model, view.newest(count), count)


def _compare_messages_held(view: ViewHeld, model: ReadModel, section: Section) -> None:
    """Also those below the window: edits and removals reach them."""
    for row in view.messages.values():
        if row.channel not in model.sample:
            continue
        message = model.find_shown(message_key(row.channel, row.id))
        section.check("messages: all held", (row.channel, row.id), message and message_expected(message), row.seen())


def _compare_names_held(kind: str, rows: dict[str, NameJson], tallies: dict[str, NameTally], section: Section) -> None:
    for name, row in rows.items():
        tally = tallies.get(name)
        section.check(f"{kind}: all held", name, name_expected(tally) if tally else None, _seen(row))


def _compare_top(
    kind: str, rows: dict[str, NameJson], tallies: dict[str, NameTally], count: int, section: Section
) -> None:
    expected = sorted(tallies.items(), key=lambda item: (-item[1].messages, item[0]))[:count]
    found = sorted(rows.values(), key=lambda row: (-row.messages, row.name))[:count]
    section.check_ranked(
        kind, ((name, name_expected(tally)) for name, tally in expected), ((row.name, _seen(row)) for row in found)
    )


def _seen(row: NameJson) -> NameSeen:
    return NameSeen(row.messages, row.last_message_at or "", row.display_name)
