"""The witness, rule by rule of the contract's section 2."""

import subprocess
import sys

import pytest

from livestream import times
from livestream.events import (
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Event,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    UserDeleted,
    encode_event,
)
from livestream.partitioning import partition_of
from livestream_auditor.witness import LogFacts, LogRecord, ReadModel, message_key, text_digest

PARTITIONS = 3
T0 = times.to_ms(times.EPOCH.replace(year=2026))


class Log:
    """Writes a log with one clock: every event is appended a second after the one before, unless told otherwise."""

    def __init__(self) -> None:
        self.facts = LogFacts(PARTITIONS)
        self.now_ms = T0
        self._ends: dict[tuple[str, int], int] = {}

    def append(self, event: Event, *, partition: int | None = None) -> int:
        topic = USERS_TOPIC if isinstance(event, UserDeleted) else MESSAGES_TOPIC
        home = 0 if isinstance(event, UserDeleted) else partition_of(event.channel, PARTITIONS)
        return self.append_bytes(topic, home if partition is None else partition, encode_event(event))

    def append_bytes(self, topic: str, partition: int, value: bytes | None) -> int:
        self.now_ms += 1000
        offset = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = offset + 1
        self.facts.take(LogRecord(topic, partition, offset, self.now_ms, value))
        return offset

    def post(self, id_: str, channel: str = "c", user: str = "u", text: str = "t", at: int = 0, **names: str) -> int:
        return self.append(MessagePosted(channel, id_, user, text, T0 + at, **names))

    def read_model(self, users_offset: int = 1000) -> ReadModel:
        return ReadModel(self.facts, dict.fromkeys(range(PARTITIONS), users_offset))


@pytest.fixture
def log() -> Log:
    return Log()


def counts(model: ReadModel) -> dict[tuple[str, str], int]:
    return {pair: tally.messages for pair, tally in model.pairs.items()}


def test_messages_are_counted_by_channel_and_user(log: Log) -> None:
    log.post("1", "a", "x", at=5)
    log.post("2", "a", "y", at=9)
    log.post("3", "b", "x", at=7)
    model = log.read_model()
    assert counts(model) == {("a", "x"): 1, ("a", "y"): 1, ("b", "x"): 1}
    assert model.totals == (3, 2, 2)
    assert (model.channels["a"].messages, model.channels["a"].last_ms) == (2, T0 + 9)
    assert (model.users["x"].messages, model.users["x"].last_ms) == (2, T0 + 7)
    assert model.partition_totals()[partition_of("a", PARTITIONS)][0] >= 2


def test_a_repeat_counts_once_and_a_conflict_is_refused(log: Log) -> None:
    log.post("1", text="as posted")
    log.append(MessageEdited("c", "1", "edited", T0))
    log.post("1", text="as posted", at=99)
    log.post("1", text="edited")
    log.post("1", user="other", text="as posted")
    log.post("1", channel="another", text="not the same message")
    assert log.read_model().totals[0] == 2
    assert log.facts.repeats == 1
    assert log.facts.refused == {"conflict": 2}


def test_a_time_too_far_ahead_is_refused(log: Log) -> None:
    log.post("1", at=1000 + 300_000)
    log.post("2", at=2000 + 300_001)
    assert log.read_model().totals[0] == 1
    assert log.facts.refused == {"future-ts": 1}


def test_a_record_in_another_partition_is_refused(log: Log) -> None:
    log.append(MessagePosted("c", "1", "u", "t", T0), partition=(partition_of("c", PARTITIONS) + 1) % PARTITIONS)
    assert log.read_model().totals == (0, 0, 0)
    assert log.facts.refused == {"wrong-partition": 1}


def test_what_cannot_be_read_is_refused(log: Log) -> None:
    log.append_bytes(MESSAGES_TOPIC, 0, b"{")
    log.append_bytes(MESSAGES_TOPIC, 0, None)
    log.append_bytes(USERS_TOPIC, 0, encode_event(MessagePosted("c", "1", "u", "t", T0)))
    assert log.facts.refused == {"bad-json": 2, "wrong-topic": 1}


def test_the_newest_edit_stands_whatever_the_order(log: Log) -> None:
    log.append(MessageEdited("c", "1", "too early on the log", T0 + 900))
    log.post("1")
    log.append(MessageEdited("c", "1", "newest", T0 + 500))
    log.append(MessageEdited("c", "1", "older", T0 + 400))
    last = log.append(MessageEdited("c", "1", "newest, later", T0 + 500))
    message = log.read_model().find(message_key("c", "1"))
    assert message is not None
    assert message.edit is not None
    assert (message.shown_text, message.edit.offset) == (text_digest("newest, later"), last)
    assert log.facts.refused == {"unknown-message": 1}


@pytest.mark.parametrize("first", ["post", "delete"])
def test_a_deleted_message_stays_deleted(log: Log, first: str) -> None:
    if first == "delete":
        log.append(MessageDeleted("c", "1", T0))
    log.post("1")
    if first == "post":
        log.append(MessageDeleted("c", "1", T0))
    log.append(MessageEdited("c", "1", "edited", T0 + 5))
    log.post("1")
    assert log.read_model().totals == (0, 0, 0)
    assert not log.facts.refused


def test_a_channel_deletion_hides_what_is_not_later(log: Log) -> None:
    log.post("late", at=50)
    log.append(ChannelDeleted("c", T0 + 50))
    log.post("before", at=49)
    log.post("same time", at=50)
    log.post("after", at=51)
    log.append(ChannelDeleted("c", T0 + 10))
    assert log.read_model().channels["c"].messages == 1


def test_a_fast_clock_neither_deletes_the_future_nor_outlives_a_deletion(log: Log) -> None:
    log.post("fast", at=200_000)
    log.append(ChannelDeleted("c", T0 + 250_000))
    log.post("afterwards", at=150_000)
    model = log.read_model()
    assert model.find(message_key("c", "fast")) is None
    assert model.find(message_key("c", "afterwards")) is not None


def test_a_user_deletion_reaches_partitions_as_they_hear_of_it(log: Log) -> None:
    channels = {partition_of(name, PARTITIONS): name for name in "abcdefgh"}
    for channel in channels.values():
        log.post("1", channel, "gone", at=5)
    log.append(UserDeleted("gone", T0 + 5))
    model = ReadModel(log.facts, {0: 1, 1: 0, 2: 1})
    assert counts(model) == {(channels[1], "gone"): 1}
    assert model.newest(5) == [], "rows go with the first partition that has heard of it"
    assert log.read_model().totals == (0, 0, 0)


def test_the_newest_display_name_is_shown(log: Log) -> None:
    log.post("1", "a", at=5, channel_display_name="A5", user_display_name="from a")
    log.post("2", "b", at=5, user_display_name="from b")
    log.post("3", "a", at=4, channel_display_name="A4", user_display_name="older")
    log.post("4", "a", at=6)
    log.append(MessageDeleted("b", "2", T0))
    model = log.read_model()
    assert (model.channels["a"].display_name, model.users["u"].display_name) == ("A5", "from b")


def test_display_names_do_not_outlive_a_deletion(log: Log) -> None:
    log.post("1", at=1, channel_display_name="C", user_display_name="U")
    log.append(UserDeleted("u", T0 + 5))
    log.post("2", at=6)
    model = log.read_model()
    assert (model.channels["c"].display_name, model.users["u"].display_name) == ("C", "")
    log.append(ChannelDeleted("c", T0 + 5))
    assert log.read_model().channels["c"].display_name == ""


def test_the_newest_messages_stand_in_display_order(log: Log) -> None:
    log.post("1", "b", at=5)
    log.post("2", "a", at=5)
    log.post("3", "a", at=5)
    log.post("4", "a", at=1)
    newest = log.read_model().newest(3)
    assert [(m.channel, m.offset) for m in newest] == [("a", newest[0].offset), ("a", newest[0].offset + 1), ("b", 0)]


def test_the_witness_shares_no_code_with_what_it_checks() -> None:
    program = (
        "import sys, livestream_local.commands.verify\n"
        "checked = ('livestream.fold', 'livestream.frames', 'livestream.readmodel', 'livestream.history')\n"
        "print([name for name in sys.modules if name.startswith(checked)])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
