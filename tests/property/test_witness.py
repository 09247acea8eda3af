"""The witness holds what the contract promises of the read model: it is a function of the log and of nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

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
from livestream_local.witness import LogFacts, LogRecord, ReadModel

PARTITIONS = 4
T0 = times.to_ms(times.EPOCH.replace(year=2026))

channels = st.sampled_from("abcde")
users = st.sampled_from("xyz")
ids = st.sampled_from("123")
texts = st.sampled_from(["", "one", "two"])
moments = st.integers(T0 - 5, T0 + 5)
labels = st.none() | st.sampled_from(["P", "Q"])

events: st.SearchStrategy[Event] = st.one_of(
    st.builds(MessagePosted, channels, ids, users, texts, moments, labels, labels),
    st.builds(MessagePosted, channels, ids, users, texts, moments, labels, labels),
    st.builds(MessageEdited, channels, ids, texts, moments),
    st.builds(MessageDeleted, channels, ids, moments),
    st.builds(ChannelDeleted, channels, moments),
    st.builds(UserDeleted, users, moments),
)
logs = st.lists(st.tuples(events, st.integers(-3, 3)), max_size=40)


def lay_out(log: list[tuple[Event, int]]) -> dict[tuple[str, int], list[LogRecord]]:
    """The records of each topic and partition; the second of a pair is the append time after T0."""
    partitions: dict[tuple[str, int], list[LogRecord]] = {}
    for event, append in log:
        topic = USERS_TOPIC if isinstance(event, UserDeleted) else MESSAGES_TOPIC
        partition = 0 if isinstance(event, UserDeleted) else partition_of(event.channel, PARTITIONS)
        records = partitions.setdefault((topic, partition), [])
        records.append(LogRecord(topic, partition, len(records), T0 + append, encode_event(event)))
    return partitions


def shown(records: list[LogRecord]) -> dict[str, Any]:
    facts = LogFacts(PARTITIONS)
    for record in records:
        facts.take(record)
    model = ReadModel(facts, dict.fromkeys(range(PARTITIONS), len(records)))
    return {
        "pairs": model.pairs,
        "channels": model.channels,
        "users": model.users,
        "shares": model.shares,
        "totals": model.totals,
        "partitions": model.partition_totals(),
        "newest": [(m.channel, m.offset, m.user, m.shown_text) for m in model.newest(1000)],
    }


@given(logs, st.randoms(use_true_random=False))
def test_how_partitions_interleave_changes_nothing(log: list[tuple[Event, int]], random: Any) -> None:
    partitions = lay_out(log)
    in_turn = [record for records in partitions.values() for record in records]
    left = {key: iter(records) for key, records in partitions.items()}
    order = [key for key, records in partitions.items() for _ in records]
    random.shuffle(order)
    assert shown([next(left[key]) for key in order]) == shown(in_turn)


@given(logs, st.data())
def test_what_is_posted_again_changes_nothing(log: list[tuple[Event, int]], data: st.DataObject) -> None:
    again = [entry for entry in log if isinstance(entry[0], MessagePosted) and data.draw(st.booleans())]
    # A repeat that comes before the conflict's first would stand itself, so repeats follow their originals.
    assert shown(flat(lay_out(log + again)))["pairs"] == shown(flat(lay_out(log)))["pairs"]


@given(logs)
def test_sums_agree(log: list[tuple[Event, int]]) -> None:
    model = shown(flat(lay_out(log)))
    messages = model["totals"][0]
    for key in ("pairs", "channels", "users", "shares"):
        assert sum(tally.messages for tally in model[key].values()) == messages
    assert sum(messages for messages, _ in model["partitions"].values()) == messages == len(model["newest"])
    assert sum(channels for _, channels in model["partitions"].values()) == model["totals"][1] == len(model["channels"])


def flat(partitions: dict[tuple[str, int], list[LogRecord]]) -> list[LogRecord]:
    return [record for records in partitions.values() for record in records]
