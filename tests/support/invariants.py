"""What has to hold after every fault, whatever broke: by the witness, by the rows themselves, and by clients."""

from collections.abc import Collection
from typing import Any

import asyncpg

from livestream.frames import View, ViewKind
from livestream.serving import ServingCopy
from livestream.times import format_ms
from livestream_auditor.witness import MessageFacts, ReadModel, message_key, text_digest
from tests.support.followers import FollowedView, Follower, Followers
from tests.support.kafka_log import KafkaLog
from tests.support.rebuilding import rebuild
from tests.support.stacks import RunningStack
from tests.support.upstream_events import caught_up
from tests.support.verifying import assert_equal_to_the_log

# A projector that died is missed after its session timeout of ten seconds; a server comes back within some more.
RECOVERY_S = 60

# A client need not be told what it cannot miss on home, which shows the newest messages only.
_COMPLETE_KINDS = frozenset({ViewKind.MESSAGES, ViewKind.CHANNEL, ViewKind.USER})

_SUMS = """
SELECT (SELECT sum(messages) FROM channels WHERE generation = g), (SELECT sum(messages) FROM partition_users WHERE
        generation = g), (SELECT sum(messages) FROM pairs WHERE generation = g)
FROM (SELECT generation AS g FROM generations WHERE state = 'live') AS live
"""
# The rows of a generation, in order. A name whose count fell to zero may have left a row that a rebuild need not make.
_ROWS = {
    "messages": "true ORDER BY channel, id",
    "pairs": "messages > 0 ORDER BY channel, username",
    "channels": "messages > 0 ORDER BY channel",
    "partition_users": "messages > 0 ORDER BY username, partition",
    "partitions": "true ORDER BY partition",
}
# How the fold came there: in how many steps counts followed deletions, and when it was noted how far the log is passed.
_NO_OUTCOME = frozenset({"generation", "recounts", "passed_offset", "users_passed_offset"})

Accepted = Collection[tuple[str, str]]


async def assert_all_is_right(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    followers: Followers,
    accepted: Accepted = (),
    recovery_s: float = RECOVERY_S,
) -> ReadModel:
    """Conservation, clients and commutation, once everything on the log is served. Nothing may be posted meanwhile.

    `accepted`: (channel, id) of messages that upstreams were told are on the log.
    """
    model, _, _ = await caught_up(log, serving, recovery_s)
    await assert_equal_to_the_log(stack)
    await _assert_conserved(stack, model)
    lost = [key for key in accepted if model.find(message_key(*key)) is None]
    assert not lost, f"{len(lost)} that were acknowledged are not there: {sorted(lost)[:5]}"
    await followers.agree_with_a_new_client()
    for follower in followers.all:
        _assert_told_of_everything(follower, model)
    return model


async def _assert_conserved(stack: RunningStack, model: ReadModel) -> None:
    """Σ by channel = Σ by user = distinct messages that were accepted and are visible."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        (sums,) = await connection.fetch(_SUMS)
    finally:
        await connection.close()
    assert tuple(sums) == (model.totals[0],) * len(sums)


def _assert_told_of_everything(follower: Follower, model: ReadModel) -> None:
    """Between a snapshot and now it missed no message, and kept none that is gone."""
    for view in follower.views.values():
        if view.view.kind in _COMPLETE_KINDS:
            floor, told = view.history()
            held = {(row.ts, row.channel, row.offset, text_digest(row.text)) for row in told}
            expected = {
                (format_ms(m.ts_ms), m.channel, m.offset, m.shown_text)
                for m in model.visible()
                if _is_in(view, m) and format_ms(m.ts_ms) > floor
            }
            assert held == expected, (
                f"{view.view} since {floor}: {len(held - expected)} more, {len(expected - held)} less"
            )


def _is_in(view: FollowedView, message: MessageFacts) -> bool:
    kind, name = view.view
    return kind is ViewKind.MESSAGES or name == (message.channel if kind is ViewKind.CHANNEL else message.user)


async def assert_a_rebuild_gives_the_same_rows(stack: RunningStack) -> None:
    """Replay: the log folded anew in one go is row for row what was folded through all that happened."""
    before = await live_rows(stack)
    await rebuild(stack)
    after = await live_rows(stack)
    for table in _ROWS:
        assert after[table] == before[table], table


async def live_rows(stack: RunningStack) -> dict[str, list[dict[str, Any]]]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        generation = await connection.fetchval("SELECT generation FROM generations WHERE state = 'live'")
        rows: dict[str, list[dict[str, Any]]] = {}
        for table, which in _ROWS.items():
            found = await connection.fetch(f"SELECT * FROM {table} WHERE generation = $1 AND {which}", generation)
            rows[table] = [{key: value for key, value in row.items() if key not in _NO_OUTCOME} for row in found]
        return rows
    finally:
        await connection.close()


def views_of(channel: str, user: str) -> list[View]:
    """One of each of the six kinds."""
    plain = [View(kind) for kind in (ViewKind.HOME, ViewKind.MESSAGES, ViewKind.CHANNELS, ViewKind.USERS)]
    return [*plain, View(ViewKind.CHANNEL, channel), View(ViewKind.USER, user)]
