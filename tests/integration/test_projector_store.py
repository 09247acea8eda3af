"""The store in Postgres and the serving copy in Redis, on random logs: both are what the witness finds in the log."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random
from typing import Any

import asyncpg
import pytest

from livestream.clients import postgres_pool, redis_client
from livestream.deltas import NameRow
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, MessagePosted
from livestream.fold import PartitionState, Record, UserDeletion, split
from livestream.history import History, HistoryFilter
from livestream.partitioning import partition_of
from livestream.serving import DeltaLog, NameOrder, PublishOutcome, ServingCopy, Windows
from livestream_auditor.witness import LogRecord, text_digest
from livestream_projector.erasure import Eraser
from livestream_projector.loader import Loader
from livestream_projector.outbox import Outbox
from livestream_projector.schema import migrate
from livestream_projector.store import Committed, Store
from livestream_projector.writes import FencedError
from tests.support.logs import PARTITIONS, interleave, lay_out, random_log
from tests.support.shown import expected, judge, read, read_deletion, rows_of

LOGS = 30
LENGTH = 60


async def bury(_: object) -> None:
    """Dead letters are the business of another test."""


class Follower:
    """Holds messages as a client does: removals by `ts`, then whole rows."""

    def __init__(self, windows: Windows) -> None:
        self.epoch, self.sequence = windows.stand.cursor
        self.messages = {row.key: row for row in windows.messages}

    async def follow(self, serving: ServingCopy) -> None:
        for delta in await DeltaLog(serving.redis, self.epoch).follow(self.sequence, 1):
            self.sequence = delta.sequence
            gone = {(removed.channel, removed.id) for removed in delta.removed_messages}
            self.messages = {
                key: row
                for key, row in self.messages.items()
                if key not in gone
                and not any(row.channel == r.name and row.ts_ms <= r.up_to_ms for r in delta.removed_channels)
                and not any(row.user == r.name and row.ts_ms <= r.up_to_ms for r in delta.removed_users)
            } | {row.key: row for row in delta.messages}
        windows = await serving.windows(messages=1_000)
        assert windows.stand.cursor.sequence == self.sequence
        assert {row.key: row for row in windows.messages} == self.messages


class Fold:
    """Folds one log into a generation of its own, publishing as it goes. Counts follow deletions one by one."""

    def __init__(self, pool: asyncpg.Pool, serving: ServingCopy, generation: int, recounted_at_once: int = 1) -> None:
        self.pool = pool
        self.serving = serving
        self.generation = generation
        self.store = Store(pool, generation, bury, recounted_at_once=recounted_at_once)
        self.recounts = 0
        self.states = dict.fromkeys(range(PARTITIONS), PartitionState())
        self.follower: Follower | None = None

    async def begin(self) -> None:
        await self.pool.execute("UPDATE generations SET state = 'retired'")
        await self.pool.execute("SELECT create_generation($1, 'live', $2)", self.generation, PARTITIONS)
        await Loader(self.pool, self.serving, self.generation).load(replace=True)

    async def fold(self, records: list[LogRecord], random: Random) -> None:
        cuts = sorted(random.sample(range(1, len(records)), 5))
        waiting: list[UserDeletion] = []
        for start, end in pairwise([0, *cuts, len(records)]):
            batch = [read(record) for record in records[start:end] if record.topic == MESSAGES_TOPIC]
            for run in split(sorted(batch, key=lambda r: (r.partition, r.offset))):
                await self._publish(await self.store.fold(run, self.states))
            waiting += [read_deletion(record) for record in records[start:end] if record.topic == USERS_TOPIC]
            for partition in range(PARTITIONS):
                # Partitions hear of a deletion at different times: the others fold on meanwhile.
                if end == len(records) or random.random() < 0.5:
                    await self._delete_users(partition, waiting)
                if random.random() < 0.3:
                    await self._recount(partition)
        for partition in range(PARTITIONS):
            while await self._recount(partition):
                pass

    async def _delete_users(self, partition: int, deletions: list[UserDeletion]) -> None:
        for deletion in deletions:
            if deletion.offset >= self.states[partition].users_offset:
                await self._publish(await self.store.fold_user_deletion(partition, deletion, self.states))

    async def _recount(self, partition: int) -> bool:
        if not self.states[partition].recounting:
            return False
        await self._publish(await self.store.recount(partition, self.states))
        self.recounts += 1
        return True

    async def _publish(self, committed: Committed) -> None:
        self.states |= committed.partitions
        for outcome in (PublishOutcome.OK, PublishOutcome.DUPLICATE):
            assert committed.outbox is not None
            assert (await self.serving.publish(committed.outbox[1], self.generation))[0] is outcome
        if self.follower:
            await self.follower.follow(self.serving)
            rows = await History(self.pool).newest_first(self.generation, HistoryFilter(), 1_000)
            assert {row.key: row for row in rows} == self.follower.messages


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    await migrate(database_url)
    async with postgres_pool(database_url, 3) as connections:
        yield connections


@pytest.fixture
async def serving(redis_url: str) -> AsyncIterator[ServingCopy]:
    client = redis_client(redis_url)
    yield ServingCopy(client)
    await client.aclose()


async def test_postgres_holds_what_the_witness_finds(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    for seed in range(LOGS):
        random = Random(seed)
        records = interleave(lay_out(random_log(random, LENGTH)), random)
        fold = Fold(pool, serving, seed + 1)
        await fold.begin()
        await fold.fold(records, random)
        before_erasing = await rows_of(pool, fold.generation)
        assert before_erasing == expected(records), f"seed {seed}"
        while await Eraser(pool, fold.generation).erase_some():
            pass
        assert await rows_of(pool, fold.generation) == before_erasing, f"seed {seed}"
        hidden = await pool.fetchval(
            "SELECT count(*) FROM messages WHERE generation = $1 AND NOT visible AND text <> ''", fold.generation
        )
        assert hidden == 0, "a deletion erases the text"


async def test_redis_holds_the_same_whether_published_or_loaded(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    for seed in range(LOGS):
        random = Random(1000 + seed)
        records = interleave(lay_out(random_log(random, LENGTH)), random)
        fold = Fold(pool, serving, seed + 1)
        await fold.begin()
        await fold.fold(records, random)
        published = await served(serving)
        assert published == served_by_witness(records), f"seed {seed}"
        await Loader(pool, serving, fold.generation).load(replace=True)
        assert await served(serving) == published, f"seed {seed}"


async def test_each_delta_leads_from_one_state_of_redis_and_postgres_to_the_next(
    pool: asyncpg.Pool, serving: ServingCopy
) -> None:
    """A user's deletion too, which reaches the partitions one after another: followers go by what they can see."""
    recounts = 0
    for seed in range(LOGS):
        random = Random(2000 + seed)
        fold = Fold(pool, serving, seed + 1)
        await fold.begin()
        fold.follower = Follower(await serving.windows(messages=1_000))
        await fold.fold(interleave(lay_out(random_log(random, LENGTH)), random), random)
        assert fold.follower.sequence > 5, f"seed {seed}"
        assert not (await serving.windows()).stand.recounting, f"seed {seed}"
        recounts += fold.recounts
    assert recounts > LOGS, "no count had to follow a deletion: this says little"


async def test_an_interrupted_publisher_is_caught_up_from_the_outbox(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    random = Random(7)
    records = [r for r in interleave(lay_out(random_log(random, LENGTH)), random) if r.topic == MESSAGES_TOPIC]
    fold = Fold(pool, serving, 1, recounted_at_once=5)
    await fold.begin()
    for record in records:
        fold.states |= (await fold.store.fold([read(record)], fold.states)).partitions
    outbox = Outbox(pool, 1)
    waiting = await outbox.waiting(0)
    assert len(waiting) == len(records)
    outcomes = [(await serving.publish(batch, 1))[0] for _, batch in reversed(waiting)]
    assert outcomes.count(PublishOutcome.BEHIND) == len(waiting) - partitions_in(records)
    for _, batch in waiting:
        await serving.publish(batch, 1)
    assert await served(serving) == served_by_witness(records)


async def test_a_commit_tells_once_that_its_rows_are_on_their_way(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    """Also where there are none: then there is nothing to wait for."""
    fold, told = Fold(pool, serving, 1), list[str]()
    await fold.begin()
    posted = MessagePosted("tea", "1", "ann", "one", 1_000)
    for offset in (0, 1):  # the second one is the first once more
        record = Record(MESSAGES_TOPIC, partition_of("tea", PARTITIONS), offset, 1_000, 0, posted)
        committed = await fold.store.commit(
            await fold.store.prepare([record], fold.states), lambda: told.append("rows are on their way")
        )
        told.append("committed")
        fold.states |= committed.partitions
        assert [row.user for row in await History(pool).newest_first(1, HistoryFilter(), 10)] == ["ann"]
    assert told == ["rows are on their way", "committed"] * 2


async def test_a_process_that_lost_its_partition_writes_nothing(pool: asyncpg.Pool, serving: ServingCopy) -> None:
    """What a stopped process resumes with is a batch that its successor has folded already."""
    random = Random(3)
    (first, second, *_) = [r for r in lay_out(random_log(random, LENGTH)).values() if r[0].topic == MESSAGES_TOPIC]
    fold = Fold(pool, serving, 1)
    await fold.begin()
    zombie = dict(fold.states)
    await fold.store.fold([read(first[0])], fold.states)
    before = await rows_of(pool, 1)
    with pytest.raises(FencedError):
        await fold.store.fold([read(first[0])], zombie)
    with pytest.raises(FencedError):  # a batch is all or nothing: the partition that is still ours waits too
        await fold.store.fold([read(first[0]), read(second[0])], zombie)
    assert await rows_of(pool, 1) == before


def partitions_in(records: list[LogRecord]) -> int:
    return sum(1 for partition in range(PARTITIONS) if any(r.partition == partition for r in records))


async def served(serving: ServingCopy) -> dict[str, Any]:
    """Everything that the serving copy shows."""
    windows = await serving.windows(messages=1_000, channels=1_000, users=1_000)
    pages = {}
    for kind in ("channels", "users"):
        for order in NameOrder:
            pages[kind, order.value] = [row.name for row in (await serving.page(kind, order, 1_000)).rows]
    return {
        "totals": tuple(getattr(windows.stand.totals, name) for name in ("messages", "channels", "users")),
        "messages": [(row.order, row.user, json.loads(row.json)["text"]) for row in windows.messages],
        "channels": windows.channels,
        "users": windows.users,
        "pages": pages,
    }


def served_by_witness(records: list[LogRecord]) -> dict[str, Any]:
    model = judge(records)
    texts = {text_digest(text): text for text in ("", "one", "two")}
    rows = {
        kind: sorted(
            (NameRow(name, t.display_name, t.messages, t.last_ms) for name, t in tallies.items()),
            key=lambda row: (-row.messages, row.name),
        )
        for kind, tallies in (("channels", model.channels), ("users", model.users))
    }
    pages = {}
    for kind, names in rows.items():
        pages[kind, "messages"] = [row.name for row in names]
        pages[kind, "last"] = [row.name for row in sorted(names, key=lambda row: (-row.last_ms, row.name))]
        pages[kind, "name"] = sorted(row.name for row in names)
    return {
        "totals": model.totals,
        "messages": [(m.order, m.user, texts[m.shown_text]) for m in model.newest(1_000)],
        **rows,
        "pages": pages,
    }
