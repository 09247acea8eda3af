"""What the projector erases of deleted users hours later: dead letters, from the broker itself, and words."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import InvalidConfigurationError

from livestream.clients import postgres_pool
from livestream.events import DEAD_LETTER_TOPIC, UserDeleted
from livestream.letter_settings import keep_letters_mortal
from livestream.times import now_ms
from livestream.topic_configs import alter_topic
from tests.support.dead_letters import DeadLetters, Shown, misplace, post
from tests.support.kafka_log import KafkaLog
from tests.support.metrics import metric
from tests.support.remains import words_in_index
from tests.support.stacks import RunningStack, StartStack
from tests.support.waiting import wait_until_async

# The broker looks for something to compact every 15 s.
COMPACTED_S = 90
ERASED_S = 20
COMPACTION_LAG_MS = "1000"


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    names = ("DEAD_LETTER_ERASURE_SECONDS", "DEAD_LETTER_COMPACTION_SECONDS", "WORD_ERASURE_SECONDS")
    hours_as_seconds = dict.fromkeys(names, "1")
    with start_stack(hours_as_seconds, only=["projector"]) as running:
        yield running


@asynccontextmanager
async def kafka_client(stack: RunningStack) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await client.bootstrap()
    try:
        yield client
    finally:
        await client.close()


async def topic_settings(stack: RunningStack) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap_servers)
    await admin.start()
    try:
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, DEAD_LETTER_TOPIC)])
        return {name: value for name, value, *_ in response.resources[0][4]}
    finally:
        await admin.close()


async def projector_metric(stack: RunningStack, name: str) -> float:
    async with aiohttp.ClientSession() as session:
        return await metric(session, stack.url("projector"), name)


async def lies_on_the_topic(log: KafkaLog, text: str) -> bool:
    return any(text.encode() in (record.value or b"") for record in await log.read(DEAD_LETTER_TOPIC))


def lies_in_a_file(stack: RunningStack, text: str) -> bool:
    """Of the broker's, where they are at hand: a server in a container keeps them to itself."""
    folder = stack.services.logs.parent / "kafka" / "log" / f"{DEAD_LETTER_TOPIC}-0"
    return any(text.encode() in path.read_bytes() for path in folder.glob("*.log*"))


async def test_the_text_goes_from_the_broker_and_a_neighbours_stays(
    stack: RunningStack, log: KafkaLog, letters: DeadLetters, unique: str
) -> None:
    """Nothing else is appended meanwhile that would make the broker close its segment."""
    async with kafka_client(stack) as client:
        await alter_topic(client, DEAD_LETTER_TOPIC, {"file.delete.delay.ms": "100"})
    erased_before = await projector_metric(stack, "livestream_dead_letters_erased_total")
    gone, kept = f"text of {unique}", f"neighbour of {unique}"
    letter = await misplace(log, post(unique, text=gone), unique)
    neighbour = await misplace(log, post(f"{unique}-kept", text=kept), f"{unique}-kept")
    await letters.buried(letter, neighbour)
    assert await lies_on_the_topic(log, gone)
    await log.append([UserDeleted(f"user of {unique}", now_ms())])

    async def compacted() -> bool:
        return not await lies_on_the_topic(log, gone) and not lies_in_a_file(stack, gone)

    await wait_until_async(compacted, COMPACTED_S, "the deleted user's text being gone from the broker")
    assert await lies_on_the_topic(log, kept)
    listed = await letters.listed()
    assert letter not in listed
    assert neighbour in listed
    assert await projector_metric(stack, "livestream_dead_letters_erased_total") == erased_before + 1
    assert unique not in stack.log("projector"), "what is erased is not told in logs either"

    async def at_rest() -> bool:
        return await projector_metric(stack, "livestream_dead_letters_to_compact") == 0

    await wait_until_async(at_rest, ERASED_S, "nothing more to wait for")


async def test_a_letter_that_comes_after_the_deletion_goes_unless_it_is_later(
    log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    await log.append([post(unique, "0", ahead_ms=-120_000)])
    await shown.count(unique, 1)
    await log.append([UserDeleted(f"user of {unique}", now_ms() - 60_000)])
    await shown.count(unique, 0)
    late = await misplace(log, post(unique, "1", ahead_ms=-90_000), unique)
    anew = await misplace(log, post(unique, "2"), unique)
    await letters.buried(anew)  # and thereby the one before it in its partition

    async def erased() -> bool:
        listed = await letters.listed()
        return anew in listed and late not in listed

    await wait_until_async(erased, ERASED_S, "the late letter being erased")
    left = await letters.run("replay", "--dry-run", late)
    assert "no dead letter stands" in left.errors


async def test_the_words_go_from_the_index_of_words(
    stack: RunningStack, log: KafkaLog, shown: Shown, unique: str
) -> None:
    async with postgres_pool(stack.database_url, 1) as pool:

        async def is_on_disk() -> bool:
            return bool(await words_in_index(pool, "messages_1_words", [unique]))

        async def is_gone() -> bool:
            return not await is_on_disk()

        await log.append([post(unique, text=f"a {unique}")])
        await shown.count(unique, 1)
        assert await is_on_disk()
        await log.append([UserDeleted(f"user of {unique}", now_ms())])
        await wait_until_async(is_gone, ERASED_S, "the deleted user's words being gone from the index")

    async def counted() -> bool:
        """As `words_erased` in the log says, when the row that asked for it is gone."""
        done = await projector_metric(stack, "livestream_projector_word_erasures_total")
        return done >= 1 and await projector_metric(stack, "livestream_projector_words_to_erase_seconds") == 0

    await wait_until_async(counted, ERASED_S, "nothing more to make anew")
    assert "words_erased" in stack.log("projector")


async def test_a_topic_that_was_made_before_is_brought_up_to_date_and_keeps_its_other_settings(
    stack: RunningStack,
) -> None:
    await asyncio.to_thread(stack.stop, "projector")
    async with kafka_client(stack) as client:
        as_before = {"max.compaction.lag.ms": str(2**63 - 1), "retention.ms": "-1", "flush.messages": "1000"}
        await alter_topic(client, DEAD_LETTER_TOPIC, as_before)
    await asyncio.to_thread(stack.start, "projector")
    settings = await topic_settings(stack)
    assert settings["max.compaction.lag.ms"] == COMPACTION_LAG_MS
    assert settings["retention.ms"] == str(7 * 24 * 60 * 60 * 1000)
    assert settings["flush.messages"] == "1000"


async def test_a_broker_that_refuses_is_left_as_it_is(stack: RunningStack) -> None:
    before = await topic_settings(stack)
    async with kafka_client(stack) as client:
        with pytest.raises(InvalidConfigurationError):
            await alter_topic(client, DEAD_LETTER_TOPIC, {"max.compaction.lag.ms": "0"})
    await keep_letters_mortal(stack.kafka_bootstrap_servers, compaction_lag_ms=0)
    assert await topic_settings(stack) == before
