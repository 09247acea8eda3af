"""History goes, counts stay: on random logs with rows dropped in between, against a witness that keeps everything."""

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest

from livestream.clients import postgres_pool
from livestream.events import (
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    Rejected,
    UserDeleted,
    encode_event,
)
from livestream.fold import PartitionState, split
from livestream.partitioning import partition_of
from livestream.retention import Retention
from livestream_auditor.verify.dropped_history import read_baseline
from livestream_auditor.verify.durable_model import DurableSnapshot
from livestream_auditor.witness import Baseline, LogFacts, LogRecord, ReadModel
from livestream_projector.baseline import known_repeats
from livestream_projector.between_batches import BetweenBatches
from livestream_projector.generation import GenerationState, begin_next, switch
from livestream_projector.history_drop import HistoryDropper
from livestream_projector.retention import load_retention, settle_retention
from livestream_projector.schema import migrate
from livestream_projector.store import Store
from tests.support.logs import PARTITIONS, T0
from tests.support.shown import read, read_deletion, rows_of

LOGS = 20
LENGTH = 120
DAY_MS = 24 * 60 * 60 * 1000
HOUR_MS = DAY_MS // 24
KEPT_DAYS = 2


class History:
    """Some twelve days of events, in the order of their append times.

    Posts come late or ahead of time and are delivered again at any time. Edits and deletions of messages come while
    their history is kept: what came later would find it or not, depending on when it was dropped.
    """

    def __init__(self, random: Random) -> None:
        self.records: list[LogRecord] = []
        self._random = random
        self._now_ms = T0
        self._posts: list[tuple[int, MessagePosted]] = []
        self._deleted: list[tuple[int, MessagePosted]] = []
        self._deleted_ahead: set[int] = set()
        self._ends: dict[tuple[str, int], int] = {}
        for number in range(LENGTH):
            self._now_ms += random.randrange(5 * HOUR_MS)
            self._append(self._event(number))

    def _event(self, number: int) -> Event:
        random, now_ms = self._random, self._now_ms
        kind, late_ms = random.random(), random.choice([0, 0, HOUR_MS, KEPT_DAYS * DAY_MS + HOUR_MS, -4 * 60_000])
        if number in self._deleted_ahead:
            return self._new_post(number, 0)
        if kind < 0.6:
            return self._post(number, late_ms)
        if kind < 0.8:
            return self._change(number)
        if kind < 0.93:
            ahead = number + 1 + random.randrange(8)
            self._deleted_ahead.add(ahead)
            return MessageDeleted(channel_of(ahead), str(ahead), now_ms)
        if kind < 0.97:
            return ChannelDeleted(random.choice("abcd"), now_ms - late_ms)
        return UserDeleted(random.choice("xyz"), now_ms - late_ms)

    def _post(self, number: int, late_ms: int) -> MessagePosted:
        random = self._random
        if self._posts and random.random() < 0.3:
            return random.choice(self._posts)[1]
        return self._new_post(number, late_ms)

    def _new_post(self, number: int, late_ms: int) -> MessagePosted:
        random = self._random
        labels = (random.choice([None, "P", "Q"]) for _ in range(2))
        post = MessagePosted(
            channel_of(number), str(number), random.choice("xyz"), "one", self._now_ms - late_ms, *labels
        )
        self._posts.append((self._now_ms, post))
        return post

    def _change(self, number: int) -> Event:
        """Of a message that is kept; one that was deleted is posted under its id again, though not as a repeat."""
        kept, deleted = self._recent(self._posts), self._recent(self._deleted)
        if deleted and self._random.random() < 0.3:
            return msgspec.structs.replace(self._random.choice(deleted), ts_ms=self._now_ms)
        if not kept:
            return self._post(number, 0)
        post = self._random.choice(kept)
        if self._random.random() < 0.5:
            return MessageEdited(post.channel, post.id, "two", self._now_ms)
        self._deleted.append((self._now_ms, post))
        return MessageDeleted(post.channel, post.id, self._now_ms)

    def _recent(self, posts: list[tuple[int, MessagePosted]]) -> list[MessagePosted]:
        return [post for at_ms, post in posts if at_ms > self._now_ms - KEPT_DAYS * DAY_MS]

    def _append(self, event: Event) -> None:
        if isinstance(event, UserDeleted):
            topic, partition = USERS_TOPIC, 0
        else:
            topic, partition = MESSAGES_TOPIC, partition_of(event.channel, PARTITIONS)
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        # A broker's clock may go back a little.
        append_ms = self._now_ms - self._random.choice([0, 0, 0, 50])
        self.records.append(LogRecord(topic, partition, offset, append_ms, encode_event(event)))


def channel_of(number: int) -> str:
    return "abcd"[number * 7 % 4]


class Fold:
    """Folds a history into the live generation; drops what it may now and then. Counts follow deletions one by one."""

    def __init__(self, pool: asyncpg.Pool, retention: Retention, generation: int) -> None:
        self.pool, self.retention, self.generation = pool, retention, generation
        self.store = Store(pool, generation, _bury, retention_changes=len(retention), recounted_at_once=1)
        self.states = dict.fromkeys(range(PARTITIONS), PartitionState())
        self.epochs = 0
        self.folded_up_to_ms = 0
        self.dropper = HistoryDropper(
            pool,
            generation,
            retention,
            lambda: dict.fromkeys(self.states, self.folded_up_to_ms),
            BetweenBatches(),
            self._count,
        )

    async def _count(self) -> None:
        self.epochs += 1

    async def take(self, record: LogRecord) -> None:
        await fold_record(self.store, self.states, self.retention, record)

    async def recount(self, partition: int) -> None:
        if self.states[partition].recounting:
            self.states |= (await self.store.recount(partition, self.states)).partitions

    async def recount_all(self) -> None:
        for partition in range(PARTITIONS):
            while self.states[partition].recounting:
                await self.recount(partition)


async def fold_record(store: Store, states: dict[int, PartitionState], retention: Retention, record: LogRecord) -> None:
    if record.topic == MESSAGES_TOPIC:
        for run in split([read(record, retention)]):
            states |= (await store.fold(run, states)).partitions
        return
    deletion = read_deletion(record)
    if isinstance(judged := read(record, retention).event, Rejected):
        assert judged.reason == "too-old"
        return
    for partition in states:
        if states[partition].users_offset <= record.offset:
            states |= (await store.fold_user_deletion(partition, deletion, states)).partitions


async def _bury(_: object) -> None:
    """Dead letters are the business of another test."""


async def renewed() -> None:
    """Clients are the business of another test."""


@pytest.fixture
async def pool(new_database: Callable[[], str]) -> AsyncIterator[asyncpg.Pool]:
    url = new_database()
    await migrate(url)
    async with postgres_pool(url, 3) as connections:
        yield connections


async def fold_with_drops(pool: asyncpg.Pool, seed: int, *, recounted: bool = True) -> tuple[list[LogRecord], Fold]:
    """A history, folded to its end; users' counts have followed all deletions where `recounted`."""
    random = Random(seed)
    records = History(random).records
    await pool.execute("DELETE FROM retention")
    await pool.execute("UPDATE generations SET state = 'retired'")
    await pool.execute("SELECT create_generation($1, 'live', $2)", 2 * seed + 1, PARTITIONS)
    await pool.execute("DELETE FROM generations WHERE state = 'retired'")
    await settle_retention(pool, KEPT_DAYS)
    fold = Fold(pool, await load_retention(pool), 2 * seed + 1)
    for number, record in enumerate(records):
        await fold.take(record)
        if random.random() < 0.1:
            await fold.recount(random.randrange(PARTITIONS))
        if random.random() < 0.1 and number + 1 < len(records):
            # An hour apart, clocks may be: what is dropped is older than that.
            fold.folded_up_to_ms = records[number + 1].append_ms
            await fold.dropper.drop()
    if recounted:
        await fold.recount_all()
    return records, fold


def witnessed(records: list[LogRecord], baseline: Baseline) -> ReadModel:
    facts = LogFacts(PARTITIONS, baseline)
    for record in records:
        if record.topic == USERS_TOPIC or record.offset >= baseline.offsets.get(record.partition, 0):
            facts.take(record)
    return ReadModel(facts, dict.fromkeys(range(PARTITIONS), len(records)))


def counts(model: ReadModel) -> dict[str, Any]:
    return {
        "channels": {name: (t.messages, t.last_ms, t.display_name) for name, t in model.channels.items()},
        "users": {name: (t.messages, t.last_ms, t.display_name) for name, t in model.users.items()},
        "pairs": {pair: (t.messages, t.last_ms) for pair, t in model.pairs.items()},
        "totals": model.partition_totals(),
    }


async def test_what_was_dropped_counts_on(pool: asyncpg.Pool) -> None:
    """As if nothing had been dropped; what a deletion takes is gone from the counts, whether its rows were or not."""
    dropped = 0
    for seed in range(LOGS):
        records, fold = await fold_with_drops(pool, seed)
        everything = witnessed(records, Baseline(fold.retention))
        rows = await rows_of(pool, fold.generation)
        dropped += sum(row[0] for row in rows["totals"].values()) - len(rows["messages"])
        assert {key: rows[key] for key in counts(everything)} == counts(everything), f"seed {seed}"
        assert fold.epochs, "clients were told to start anew"
    assert dropped > LOGS, "nothing was dropped: this says nothing"


async def test_the_witness_finds_the_same_from_the_baseline(pool: asyncpg.Pool) -> None:
    for seed in range(LOGS):
        records, fold = await fold_with_drops(pool, 100 + seed)
        async with pool.acquire() as connection:
            baseline = await read_baseline(DurableSnapshot(connection, fold.generation, {}, {}))
        model = witnessed(records, baseline)
        rows = await rows_of(pool, fold.generation)
        assert {key: rows[key] for key in counts(model)} == counts(model), f"seed {seed}"
        visible = {(m.channel, m.offset): (m.user, m.ts_ms, m.shown_text) for m in model.visible()}
        assert visible == rows["messages"], f"seed {seed}"


async def test_a_rebuild_from_the_baseline_gives_the_same_rows(pool: asyncpg.Pool) -> None:
    """Also where it begins in mid-history, more comes while it runs, and counts still followed deletions before it."""
    recounting = 0
    for seed in range(LOGS):
        records, fold = await fold_with_drops(pool, 200 + seed, recounted=False)
        live, following, _ = await begin_next(pool, has_baseline=True)
        recounting += sum(state.recounting for state in fold.states.values())
        await fold.recount_all()
        repeats = await known_repeats(pool, following)
        retention = fold.retention
        store = Store(pool, following, _bury, GenerationState.BUILDING, len(retention), repeats)
        states = await store.positions(range(PARTITIONS))
        for record in sorted(records, key=lambda r: r.topic != USERS_TOPIC):
            if record.topic == USERS_TOPIC or record.offset >= states[record.partition].messages_offset:
                await fold_record(store, states, retention, record)
        assert await rows_of(pool, following) == await rows_of(pool, live), f"seed {seed}"
        assert await switch(pool, live, following)
        dropper = HistoryDropper(
            pool, following, retention, lambda: dict.fromkeys(range(PARTITIONS), 2**50), BetweenBatches(), renewed
        )
        before = await rows_of(pool, following)
        await dropper.drop()
        assert await rows_of(pool, following) == before | {"messages": {}}, f"seed {seed}"
    assert recounting, "all counts had followed: this says little"


async def test_a_repeat_of_a_deleted_message_is_none_for_a_rebuild_and_a_witness_that_begin_behind_it(
    pool: asyncpg.Pool,
) -> None:
    """It is dropped silently, display names and all, for as long as anybody knows of the deletion."""
    await pool.execute("SELECT create_generation(1, 'live', $1)", PARTITIONS)
    await settle_retention(pool, KEPT_DAYS)
    fold = Fold(pool, await load_retention(pool), 1)
    post = MessagePosted("a", "deleted", "x", "one", T0, "P", "P")
    events: list[tuple[float, Event]] = [
        (0, post),
        (0.1, msgspec.structs.replace(post, id="dropped", ts_ms=T0 + DAY_MS // 10)),
        (1.5, MessageDeleted("a", "deleted", T0 + DAY_MS)),
        (3.0, MessagePosted("a", "kept", "x", "one", T0 + 3 * DAY_MS)),
        (3.1, MessagePosted("a", "deleted", "x", "one", T0 + 3 * DAY_MS, "Q", "Q")),
    ]
    partition = partition_of("a", PARTITIONS)
    *before, repeat = [
        LogRecord(MESSAGES_TOPIC, partition, offset, T0 + int(days * DAY_MS), encode_event(event))
        for offset, (days, event) in enumerate(events)
    ]
    for record in before:
        await fold.take(record)
    fold.folded_up_to_ms = repeat.append_ms
    await fold.dropper.drop()
    async with pool.acquire() as connection:
        baseline = await read_baseline(DurableSnapshot(connection, 1, {}, {}))
    assert baseline.offsets[partition] == 2
    _, following, _ = await begin_next(pool, has_baseline=True)
    rebuilt = Store(pool, following, _bury, GenerationState.BUILDING, len(fold.retention))
    states = await rebuilt.positions(range(PARTITIONS))
    for record in [*before[2:], repeat]:
        await fold_record(rebuilt, states, fold.retention, record)
    await fold.take(repeat)
    rows, model = await rows_of(pool, 1), witnessed([*before, repeat], baseline)
    assert rows["channels"]["a"][2] == "P"
    assert await rows_of(pool, following) == rows
    assert counts(model) == {key: rows[key] for key in counts(model)}
