"""An audit of a sample: what it looks at, what it finds, and when it has to begin anew."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from random import Random

import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis

from livestream.deltas import NameRow
from livestream.events import MessagePosted, UserDeleted
from livestream.serving import ServingCopy
from livestream.settings import Environment
from livestream.times import now_ms
from livestream_auditor.audit.audit import Auditor
from livestream_auditor.audit.witness_log import StaleWitnessError, witness_log
from livestream_auditor.settings import Settings
from livestream_auditor.verify.canary import Canary, following
from livestream_auditor.verify.findings import Difference, Findings
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack
from tests.support.upstream_events import caught_up, messages

MESSAGES = 2_000
AUDITS = 10
# What the projector folds beside an audit: the stream is awaited where Redis is.
PAUSE_S = 0.1


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "gateway"]) as running:
        yield running


@pytest.fixture(scope="module")
async def canary(stack: RunningStack) -> AsyncIterator[Canary]:
    async with following(stack.stream_url) as watching:
        yield watching


@pytest.fixture
async def database(stack: RunningStack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.database_url)
    yield connection
    await connection.close()


def settings_of(stack: RunningStack, **changes: object) -> Settings:
    environment = {**stack.servers.environment, "AUDIT_STREAM_URL": stack.stream_url, "AUDIT_SAMPLE": "0.5"}
    return msgspec.structs.replace(Settings.read(Environment(environment)), **changes)


async def filled(log: KafkaLog, serving: ServingCopy, unique: str) -> None:
    await log.append(messages(Random(1), MESSAGES, unique))
    await log.append([UserDeleted(f"{unique}-u1", now_ms())])
    await caught_up(log, serving)


async def audited(settings: Settings, redis: Redis, canary: Canary) -> tuple[Findings, float]:
    """One audit by a new witness, and the share that it has looked at."""
    async with witness_log(settings) as witness:
        findings = await Auditor(settings, redis, canary).audit(witness)
        return findings, witness.facts.sample.share


def kinds(findings: Findings) -> set[str]:
    return {kind for section in findings.sections for kind in section.differing}


def named(findings: Findings) -> list[Difference]:
    return [each for section in findings.sections for kept in section.differences.values() for each in kept]


async def test_of_a_sample_all_parts_are_equal_and_only_its_own_channels_are_asked_for(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, canary: Canary, unique: str
) -> None:
    """By walking through all of Redis, and by asking for the sample's rows alone."""
    await filled(log, serving, unique)
    for most_names in (200_000, 0):
        settings = settings_of(stack, most_names=most_names)
        findings, share = await audited(settings, redis, canary)
        assert findings.equal, named(findings)
        assert share == 0.5
        assert all(section.compared.total() > 20 for section in findings.sections)
        compared = {kind for section in findings.sections for kind in section.compared}
        assert not {"users", "users by partition", "users: all held"} & compared, (
            "a sample does not know a user's count"
        )
        redis_part = findings.sections[0].compared
        assert (redis_part["conservation"] > 0) is (most_names > 0)


async def test_channels_that_come_while_redis_is_asked_by_name_are_no_difference(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, canary: Canary, unique: str
) -> None:
    """The witness does not know them yet when it says what to ask for."""
    await filled(log, serving, unique)
    settings = settings_of(stack, most_names=0, sample=1.0)

    async def keep_coming() -> None:
        for number in itertools.count():
            await log.append(
                [MessagePosted(f"{unique} new {number}-{n}", "1", "ann", "hi", now_ms()) for n in range(50)]
            )
            await asyncio.sleep(PAUSE_S)

    coming = asyncio.create_task(keep_coming())
    try:
        async with witness_log(settings) as witness:
            auditor = Auditor(settings, redis, canary)
            for _ in range(AUDITS):
                findings = await auditor.audit(witness)
                assert findings.equal, named(findings)
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def test_more_than_it_may_remember_makes_the_sample_smaller(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, canary: Canary, unique: str
) -> None:
    await filled(log, serving, unique)
    findings, share = await audited(settings_of(stack, sample=1.0, most_messages=1_000), redis, canary)
    assert findings.equal, named(findings)
    assert 0 < share <= 0.5


async def test_a_sampled_channel_that_the_log_does_not_know_is_found(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    redis: Redis,
    canary: Canary,
    database: asyncpg.Connection,
    unique: str,
) -> None:
    """A surplus row is looked for by the same hash, in Postgres itself and among all names of Redis."""
    await filled(log, serving, unique)
    settings = settings_of(stack)
    async with witness_log(settings) as witness:
        name = next(f"{unique} surplus {n}" for n in range(100) if f"{unique} surplus {n}" in witness.facts.sample)
    await database.execute(
        """INSERT INTO channels SELECT generation, $1, partition, 1, last_ms, deleted_ms, display_name, display_ts_ms,
                  display_channel, display_offset FROM channels WHERE messages > 0 LIMIT 1""",
        name,
    )
    key = f"{{livestream}}:{(await serving.windows()).stand.cursor.epoch}:channels:"
    await redis.hset(f"{key}rows", name, msgspec.msgpack.encode(NameRow(name, "", 1, now_ms())))
    await redis.zadd(f"{key}name", {name: 0})
    findings, _ = await audited(settings, redis, canary)
    await database.execute("DELETE FROM channels WHERE channel = $1", name)
    await redis.hdel(f"{key}rows", name)
    await redis.zrem(f"{key}name", name)
    assert {section.name for section in findings.sections if section.differing["channels"]} == {"redis", "postgres"}
    assert all(section.differing["conservation"] for section in findings.sections[:2])
    assert name in [difference.key for difference in named(findings)]


async def test_an_old_message_that_was_changed_is_found_in_its_turn(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    redis: Redis,
    canary: Canary,
    database: asyncpg.Connection,
    unique: str,
) -> None:
    """It lies below all that is looked at every time."""
    ts_ms = now_ms()
    posts = [MessagePosted(f"{unique}-{n % 60}", str(n), "ann", f"text {n}", ts_ms - n) for n in range(6_000)]
    await log.append([*posts, MessagePosted(f"{unique}-0", "old", "ann", "text", ts_ms - 3_600_000)])
    await caught_up(log, serving)
    await database.execute("UPDATE messages SET text = 'changed' WHERE channel = $1 AND id = 'old'", f"{unique}-0")
    settings = settings_of(stack, sample=1.0)
    async with witness_log(settings) as witness:
        auditor = Auditor(settings, redis, canary)
        audits = [await auditor.audit(witness) for _ in range(AUDITS)]
    await database.execute("UPDATE messages SET text = 'text' WHERE channel = $1 AND id = 'old'", f"{unique}-0")
    assert {kind for findings in audits for kind in kinds(findings)} == {"messages"}


async def test_a_witness_of_dropped_history_or_of_another_read_model_is_of_no_use(
    stack: RunningStack,
    log: KafkaLog,
    serving: ServingCopy,
    redis: Redis,
    canary: Canary,
    database: asyncpg.Connection,
    unique: str,
) -> None:
    await filled(log, serving, unique)
    settings = settings_of(stack)
    changes = {
        "history was dropped": ("baseline_offset = baseline_offset + 1", "baseline_offset = baseline_offset - 1"),
        "Postgres stands before": ("users_offset = users_offset - 1", "users_offset = users_offset + 1"),
    }
    for reason, (change, undo) in changes.items():
        async with witness_log(settings) as witness:
            auditor = Auditor(settings, redis, canary)
            assert (await auditor.audit(witness)).equal
            await database.execute(f"UPDATE partitions SET {change} WHERE partition = 3")
            with pytest.raises(StaleWitnessError, match=reason):
                await auditor.audit(witness)
            await database.execute(f"UPDATE partitions SET {undo} WHERE partition = 3")


async def test_a_viewer_that_watches_for_long_holds_no_more_than_the_windows(
    stack: RunningStack, log: KafkaLog, serving: ServingCopy, redis: Redis, canary: Canary, unique: str
) -> None:
    """And what it holds then is still what the log says, through what comes afterwards."""
    settings = settings_of(stack, sample=1.0)
    async with witness_log(settings) as witness:
        auditor = Auditor(settings, redis, canary)
        for number in range(3):
            await filled(log, serving, f"{unique}-{number}")
            findings = await auditor.audit(witness)
            assert findings.equal, named(findings)
            held = canary.held_now()
            assert held is not None
            sizes = {name: (len(view.messages), len(view.channels)) for name, view in held.views.items()}
            assert all(rows <= (200, 500) for rows in sizes.values()), sizes
            assert sizes["messages"][0] == 200
