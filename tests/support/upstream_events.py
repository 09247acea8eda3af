"""Events as an upstream would produce them to a whole stack, and waiting until the stack has folded them."""

from random import Random

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Event, MessageDeleted, MessageEdited, MessagePosted
from livestream.serving import NoEpochError, ServingCopy, Windows
from livestream.times import now_ms
from livestream_auditor.witness import LogFacts, LogRecord, ReadModel
from tests.support.kafka_log import KafkaLog
from tests.support.waiting import wait_until_async

PARTITIONS = 12
CATCH_UP_S = 20


def messages(random: Random, count: int, prefix: str) -> list[Event]:
    """Posts with some edits and deletions of them, over a few channels and users."""
    events: list[Event] = []
    for number in range(count):
        channel, user = f"{prefix}-{random.randrange(20)}", f"{prefix}-u{random.randrange(50)}"
        ts_ms = now_ms() - random.randrange(60_000)
        events.append(MessagePosted(channel, f"{prefix}-{number}", user, f"text {number}", ts_ms))
        if random.random() < 0.1:
            events.append(MessageEdited(channel, f"{prefix}-{number}", "edited", ts_ms + 1))
        if random.random() < 0.1:
            events.append(MessageDeleted(channel, f"{prefix}-{number}", ts_ms + 2))
    return events


async def caught_up(
    log: KafkaLog, serving: ServingCopy, timeout_s: float = CATCH_UP_S
) -> tuple[ReadModel, Windows, list[LogRecord]]:
    """What the log says and what is served, once the serving copy has reached the log's end."""
    records = await log.read(MESSAGES_TOPIC, USERS_TOPIC)
    ends = {p: sum(r.topic == MESSAGES_TOPIC and r.partition == p for r in records) for p in range(PARTITIONS)}
    users_end = sum(r.topic == USERS_TOPIC for r in records)

    async def reached() -> Windows | None:
        try:
            windows = await serving.windows(messages=1_000, channels=1_000, users=1_000)
        except NoEpochError:
            return None
        return windows if windows.stand.positions == {p: (end, users_end) for p, end in ends.items()} else None

    windows = await wait_until_async(reached, timeout_s, "the serving copy at the log's end")
    facts = LogFacts(PARTITIONS)
    for record in records:
        facts.take(record)
    assert windows is not None
    return ReadModel(facts, dict.fromkeys(range(PARTITIONS), users_end)), windows, records
