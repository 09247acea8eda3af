"""Random logs for property tests: few names and ids, times close together, so that everything meets everything."""

from random import Random
from typing import Any

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
from livestream_auditor.witness import LogRecord

PARTITIONS = 4
T0 = times.to_ms(times.EPOCH.replace(year=2026))

_channels = st.sampled_from("abc")
_users = st.sampled_from("xy")
_ids = st.sampled_from("123")
_texts = st.sampled_from(["", "one", "two"])
_moments = st.integers(T0 - 5, T0 + 5)
_labels = st.none() | st.sampled_from(["P", "Q"])

posts: st.SearchStrategy[Event] = st.builds(MessagePosted, _channels, _ids, _users, _texts, _moments, _labels, _labels)
_edits: st.SearchStrategy[Event] = st.builds(MessageEdited, _channels, _ids, _texts, _moments)
_deletes: st.SearchStrategy[Event] = st.builds(MessageDeleted, _channels, _ids, _moments)
# Deletions of names come late seldom, or little would be left to look at.
_ends = st.integers(T0 - 9, T0 + 1)
_name_deletes: st.SearchStrategy[Event] = st.builds(ChannelDeleted, _channels, _ends) | st.builds(
    UserDeleted, _users, _ends
)
events: st.SearchStrategy[Event] = st.one_of(
    posts, posts, posts, posts, posts, _edits, _edits, _edits, _edits, _deletes, _name_deletes
)
# An event and its append time after T0. Append times need not rise here: the fold must not depend on that.
logs = st.lists(st.tuples(events, st.integers(-3, 3)), min_size=10, max_size=60)

Log = list[tuple[Event, int]]


def _crowd(moments: st.SearchStrategy[int]) -> st.SearchStrategy[Event]:
    ids, users, channels = (st.sampled_from(sample) for sample in ("0123456789", "uvwxyz", "aab"))
    crowd_posts = st.builds(MessagePosted, channels, ids, users, st.just("one"), moments)
    crowd_deletes = st.builds(MessageDeleted, channels, ids, moments)
    return st.one_of(crowd_posts, crowd_posts, crowd_deletes)


_early, _late = st.integers(T0 - 9, T0), st.integers(T0 - 2, T0 + 9)
# Many users in one channel, which is deleted, and then they go on: nothing else is as hard for counts that follow.
crowded_logs: st.SearchStrategy[Log] = st.builds(
    lambda past, end, present: [*((event, -9) for event in past), (end, 0), *((event, 9) for event in present)],
    st.lists(_crowd(_early), min_size=10, max_size=25),
    st.builds(ChannelDeleted, st.just("a"), st.integers(T0 - 9, T0)),
    st.lists(
        _crowd(_late)
        | st.builds(ChannelDeleted, st.just("a"), _late)
        | st.builds(UserDeleted, st.sampled_from("uvwxyz"), _late),
        max_size=25,
    ),
)


def lay_out(log: Log) -> dict[tuple[str, int], list[LogRecord]]:
    """The records of each topic and partition."""
    partitions: dict[tuple[str, int], list[LogRecord]] = {}
    for event, append in log:
        topic = USERS_TOPIC if isinstance(event, UserDeleted) else MESSAGES_TOPIC
        partition = 0 if isinstance(event, UserDeleted) else partition_of(event.channel, PARTITIONS)
        records = partitions.setdefault((topic, partition), [])
        records.append(LogRecord(topic, partition, len(records), T0 + append, encode_event(event)))
    return partitions


def interleave(partitions: dict[tuple[str, int], list[LogRecord]], random: Any) -> list[LogRecord]:
    """All records in an order that keeps each partition's own."""
    left = {key: iter(records) for key, records in partitions.items()}
    order = [key for key, records in partitions.items() for _ in records]
    random.shuffle(order)
    return [next(left[key]) for key in order]


def random_log(random: Random, length: int) -> Log:
    """The same mixture without hypothesis, for tests whose every example costs a database."""

    def event() -> Event:
        channel, id_, user, text = (random.choice(sample) for sample in ("abc", "12345", "wxyz", ("", "one", "two")))
        kind, moment, end = random.random(), T0 + random.randint(-5, 5), T0 + random.randint(-9, 1)
        if kind < 0.6:
            labels = (random.choice([None, "P", "Q"]) for _ in range(2))
            return MessagePosted(channel, id_, user, text, moment, *labels)
        if kind < 0.75:
            return MessageEdited(channel, id_, text, moment)
        if kind < 0.9:
            return MessageDeleted(channel, id_, moment)
        return ChannelDeleted(channel, end) if kind < 0.95 else UserDeleted(user, end)

    return [(event(), random.randint(-3, 3)) for _ in range(length)]
