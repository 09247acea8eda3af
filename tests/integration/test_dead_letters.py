"""`./live dead-letters` on real servers: it shows what was refused, and what it sends again is folded once."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from livestream.events import (
    DEAD_LETTER_TOPIC,
    MESSAGES_TOPIC,
    USERS_TOPIC,
    MessageEdited,
    UserDeleted,
    encode_event,
)
from livestream.letter_settings import MAX_BYTES
from livestream.times import now_ms
from livestream_auditor.witness import LogRecord
from livestream_projector.dead_letters import VALUE_BYTES
from tests.support.dead_letters import (
    DeadLetters,
    Shown,
    append,
    misplace,
    post,
    right_partition,
    wrong_partition,
)
from tests.support.kafka_log import KafkaLog
from tests.support.stacks import RunningStack, StartStack


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector"]) as running:
        yield running


def producing(stack: RunningStack, **options: Any) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap_servers, **options)


async def test_what_stands_is_listed_and_no_terminal_obeys_it(log: KafkaLog, letters: DeadLetters, unique: str) -> None:
    misplaced = await misplace(log, post(unique, text="right\u202eleft"), unique, trace=b"\xff")
    broken = await append(log, b"{" + unique.encode() + b"\x1b[2J\n\x00\xfe", right_partition(unique))
    entries = await letters.buried(misplaced, broken)
    reasons = {misplaced: "wrong-partition", broken: "bad-json"}
    assert {str(entry.coordinates): entry.reason for entry in entries} == reasons
    table = await letters.run()
    assert table.status == 0
    assert not set("\x1b\x00\u202e") & set(table.output)
    for expected in (misplaced, broken, f"channel {unique}", r"right\u202eleft", rf"{{{unique}\x1b[2J\n\x00\xfe"):
        assert expected in table.output
    assert re.search(r"^\d+ dead letters: .* wrong-partition", table.output, re.MULTILINE)


async def test_a_line_of_json_holds_all_of_a_record(log: KafkaLog, letters: DeadLetters, unique: str) -> None:
    event = post(unique)
    misplaced = await misplace(log, event, unique, trace=b"\xff")
    broken = await append(log, b"\xfe", 0)
    await letters.buried(misplaced, broken)
    line = (await letters.listed())[misplaced]
    assert (line["channel"], line["user"], line["value"]) == (unique, event.user, encode_event(event).decode())
    assert line["headers"] == [{"name": "trace", "value_base64": "/w=="}]
    newest = await letters.listed("--reason", "bad-json", "--limit", "1")
    assert [line["value_base64"] for line in newest.values()] == ["/g=="]
    assert list(newest) == [broken]


async def test_a_dry_run_says_what_would_become_of_each_and_changes_nothing(
    log: KafkaLog, letters: DeadLetters, unique: str
) -> None:
    misplaced = await misplace(log, post(unique), unique)
    broken = await append(log, b"{", 0)
    await letters.buried(misplaced, broken)
    before = await log.read(MESSAGES_TOPIC)
    finished = await letters.run("replay", "--dry-run", misplaced, broken)
    assert finished.status == 1
    assert f"{misplaced} (wrong-partition): would go to {MESSAGES_TOPIC}/{right_partition(unique)}\n" in finished.output
    assert f"{broken} (bad-json): left: bad-json: " in finished.output
    assert len(await log.read(MESSAGES_TOPIC)) == len(before)
    assert {misplaced, broken} <= set(await letters.listed())


async def test_what_still_cannot_be_folded_is_left(
    log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    await log.append([post(unique)])
    value = json.loads(encode_event(post(unique, "2")))
    refused = {
        "bad-json": b"{" + unique.encode(),
        "invalid": json.dumps(value | {"text": None}).encode(),
        "unknown-type": json.dumps(value | {"type": "what"}).encode(),
        "future-ts": json.dumps(value | {"ts": "2099-01-01T00:00:00Z"}).encode(),
        "conflict": json.dumps(value | {"id": "1", "text": "another"}).encode(),
    }
    records = {reason: await append(log, raw, right_partition(unique)) for reason, raw in refused.items()}
    await letters.buried(*records.values())
    left = await letters.run("replay", "--yes", *records.values())
    assert left.status == 1
    assert "Replayed: 0; left: 5." in left.output
    for reason, record in records.items():
        assert f"{record} ({reason}): left: {reason}: " in left.output
    assert set(records.values()) <= set(await letters.listed())
    await shown.count(unique, 1)


async def test_what_is_forced_becomes_another_dead_letter(log: KafkaLog, letters: DeadLetters, unique: str) -> None:
    value = b"{" + unique.encode()
    record = await append(log, value, right_partition(unique))
    await letters.buried(record)
    forced = await letters.run("replay", "--yes", "--force", record)
    assert forced.status == 0, forced.output
    again = forced.output.partition("replayed, to ")[2].splitlines()[0]
    [entry] = await letters.buried(again)
    assert entry.reason == "bad-json"
    listed = await letters.listed()
    assert record not in listed
    assert listed[again]["value"] == value.decode()


async def test_what_came_to_the_wrong_topic_goes_to_the_right_one(
    stack: RunningStack, log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    await log.append([post(unique, "1"), post(unique, "2")])
    await shown.count(unique, 2)
    deletion = await misplace(log, UserDeleted(f"user of {unique}", now_ms()), unique)
    async with producing(stack) as producer:
        sent = await producer.send_and_wait(USERS_TOPIC, encode_event(post(f"{unique} late")), partition=0)
    message = f"{USERS_TOPIC}/0/{sent.offset}"
    await letters.buried(deletion, message)
    replayed = await letters.run("replay", "--yes", deletion, message)
    assert replayed.status == 0, replayed.output
    assert f"{deletion} (wrong-topic): replayed, to {USERS_TOPIC}/0/" in replayed.output
    place = f"{MESSAGES_TOPIC}/{right_partition(f'{unique} late')}"
    assert f"{message} (wrong-topic): replayed, to {place}/" in replayed.output
    await shown.count(unique, 0)
    await shown.count(f"{unique} late", 1)


async def test_what_was_replayed_stays_away_when_the_projector_reads_users_anew(
    stack: RunningStack, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    async with producing(stack) as producer:
        sent = await producer.send_and_wait(USERS_TOPIC, encode_event(post(unique)), partition=0)
    record = f"{USERS_TOPIC}/0/{sent.offset}"
    await letters.buried(record)
    assert (await letters.run("replay", "--yes", record)).status == 0
    await shown.count(unique, 1)
    await shown.users_passed(sent.offset)
    stack.restart("projector")
    async with producing(stack) as producer:
        behind_it = await producer.send_and_wait(USERS_TOPIC, b"{", partition=0)
    await letters.buried(f"{USERS_TOPIC}/0/{behind_it.offset}")
    assert record not in await letters.listed()


async def test_an_edit_is_replayed_after_the_message_that_it_could_not_find(
    log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    edit = await append(log, encode_event(MessageEdited(unique, "1", "edited", now_ms())), right_partition(unique))
    await letters.buried(edit)
    message = await misplace(log, post(unique), unique)
    await letters.buried(edit, message)
    replayed = await letters.run("replay", "--yes", edit, message)
    assert replayed.status == 0, replayed.output
    await shown.text(unique, "edited")


async def test_a_replay_that_died_before_its_tombstone_counts_once(
    stack: RunningStack, log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    record = await misplace(log, post(unique), unique)
    await letters.buried(record)
    [letter] = [found for found in await log.read(DEAD_LETTER_TOPIC) if is_letter_of(record, found)]
    assert (await letters.run("replay", "--yes", record)).status == 0
    await shown.count(unique, 1)
    async with producing(stack) as producer:
        await producer.send_and_wait(DEAD_LETTER_TOPIC, letter.value, record.encode(), headers=list(letter.headers))
    assert (await letters.run("replay", "--yes", record)).status == 0
    await log.append([post(unique, "2")])
    await shown.count(unique, 2)
    assert not [line for line in (await letters.listed()).values() if line["channel"] == unique]


def is_letter_of(record: str, found: LogRecord) -> bool:
    headers = dict(found.headers)
    parts = [headers.get(f"dead-letter-{part}", b"").decode() for part in ("topic", "partition", "offset")]
    return "/".join(parts) == record


async def test_a_message_whose_user_was_deleted_since_is_not_brought_back(
    log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    """Its clock was four minutes fast: appended again now, it would count as later than the deletion."""
    record = await misplace(log, post(unique, ahead_ms=240_000), unique)
    await letters.buried(record)
    await log.append([post(unique, "2", ahead_ms=-1_000)])
    await shown.count(unique, 1)
    await log.append([UserDeleted(f"user of {unique}", now_ms())])
    await shown.count(unique, 0)
    for arguments in (["--yes"], ["--yes", "--force"]):
        left = await letters.run("replay", *arguments, record)
        assert left.status == 1
        assert f"{record} (wrong-partition): left: deleted: user: was deleted up to " in left.output


async def test_a_letter_that_was_cut_is_read_back_whole(
    stack: RunningStack, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    value = json.dumps({**json.loads(encode_event(post(unique))), "unknown": "x" * (VALUE_BYTES + 1)}).encode()
    async with producing(stack, compression_type="gzip", max_request_size=2 * VALUE_BYTES) as producer:
        sent = await producer.send_and_wait(MESSAGES_TOPIC, value, partition=wrong_partition(unique))
    record = f"{MESSAGES_TOPIC}/{wrong_partition(unique)}/{sent.offset}"
    await letters.buried(record)
    line = (await letters.listed())[record]
    assert (line["cut_from_bytes"], len(line["value"])) == (len(value), VALUE_BYTES)
    replayed = await letters.run("replay", "--yes", record)
    assert replayed.status == 0, replayed.output
    await shown.count(unique, 1)


async def test_headers_that_have_no_room_are_left_out_and_read_back_too(
    stack: RunningStack, log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    """A letter that does not fit would hold its partition up for good."""
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"message.posted"), ("ce_source", b"/"), ("ce_id", b"1")]
    huge = [*headers, ("huge", b"x" * 2 * MAX_BYTES)]
    async with producing(stack, compression_type="gzip", max_request_size=4 * MAX_BYTES) as producer:
        value = encode_event(post(unique))
        sent = await producer.send_and_wait(
            MESSAGES_TOPIC, value, unique.encode(), wrong_partition(unique), headers=huge
        )
    record = f"{MESSAGES_TOPIC}/{wrong_partition(unique)}/{sent.offset}"
    await letters.buried(record)
    line = (await letters.listed())[record]
    assert (line["headers"], line["value"], line["cut_from_bytes"]) == ([], value.decode(), len(value))
    replayed = await letters.run("replay", "--yes", record)
    assert replayed.status == 0, replayed.output
    await shown.count(unique, 1)
    places = [found.partition for found in await log.read(MESSAGES_TOPIC) if list(found.headers) == huge]
    assert sorted(places) == sorted([wrong_partition(unique), right_partition(unique)])


async def test_a_letter_that_was_cut_and_whose_record_is_gone_is_left(
    stack: RunningStack, letters: DeadLetters
) -> None:
    record = f"{MESSAGES_TOPIC}/0/999999"
    headers = {
        "dead-letter-append-time": str(now_ms()),
        "dead-letter-reason": "wrong-partition",
        "dead-letter-cut-from-bytes": "5000000",
    }
    encoded = [(name, content.encode()) for name, content in headers.items()]
    async with producing(stack) as producer:
        await producer.send_and_wait(DEAD_LETTER_TOPIC, b"{", record.encode(), headers=encoded)
    left = await letters.run("replay", "--yes", "--force", record)
    assert left.status == 1
    assert f"{record} (wrong-partition): left: cut: has only its beginning here" in left.output


async def test_a_thousand_are_replayed_in_their_order(
    log: KafkaLog, letters: DeadLetters, shown: Shown, unique: str
) -> None:
    """More than one batch. The first text of an id stands, so another order would show."""
    ids, texts = [str(number) for number in range(600)], ("first", "second")
    records = [await misplace(log, post(unique, id_, text), unique) for id_ in ids for text in texts]
    await letters.buried(*records)
    replayed = await letters.run("replay", "--yes", *records)
    assert replayed.status == 0, replayed.output
    await shown.count(unique, len(ids))
    places = [line.partition("replayed, to ")[2] for line in replayed.output.splitlines() if "replayed, to " in line]
    await letters.buried(*places[1::2])
    conflicts = [line for line in (await letters.listed()).values() if line["channel"] == unique]
    assert {(line["reason"], json.loads(line["value"])["text"]) for line in conflicts} == {("conflict", "second")}


async def test_records_without_a_letter_are_named_and_nothing_is_sent(letters: DeadLetters) -> None:
    finished = await letters.run("replay", "--yes", f"{MESSAGES_TOPIC}/11/123456")
    assert finished.status == 1
    assert f"no dead letter stands for {MESSAGES_TOPIC}/11/123456" in finished.errors


async def test_without_anybody_to_ask_nothing_is_sent(letters: DeadLetters) -> None:
    finished = await letters.run("replay")
    assert finished.status == 2
    assert "give --yes or --dry-run" in finished.errors


async def test_without_kafka_it_says_so(stack: RunningStack, letters: DeadLetters) -> None:
    stack.stop("kafka")
    try:
        finished = await letters.run("list")
    finally:
        stack.start("kafka")
    assert finished.status == 1
    assert "the dead letters cannot be read from Kafka" in finished.errors
    assert "Traceback" not in finished.errors
