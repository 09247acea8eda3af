"""The fold's outcome is a function of the log: held against the witness, which shares no code with it."""

import json
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livestream.deltas import MessageRow, NameRow, UserShare
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, ChannelDeleted, MessageDeleted, MessagePosted
from livestream.fold import split
from livestream_auditor.witness import LogRecord, text_digest
from tests.support.logs import PARTITIONS, T0, Log, crowded_logs, interleave, lay_out, logs
from tests.support.memory_store import MemoryStore
from tests.support.shown import expected, read, read_deletion

randoms = st.randoms(use_true_random=False)


def fold(records: list[LogRecord], cuts: set[int], recounted_at_once: int = 1, patience: int = 1) -> MemoryStore:
    """Fold records in this order, in batches that end at `cuts`. A user's deletion reaches each partition in turn.

    Users' counts follow a channel's deletion so many at once, in a step behind every `patience`-th batch.
    """
    store = MemoryStore(PARTITIONS, recounted_at_once)
    bounds = sorted({0, len(records), *(cut for cut in cuts if cut < len(records))})
    for number, (start, end) in enumerate(pairwise(bounds)):
        batch = [record for record in records[start:end] if record.topic == MESSAGES_TOPIC]
        for run in split(sorted((read(record) for record in batch), key=lambda r: (r.partition, r.offset))):
            store.fold(run)
        for record in records[start:end]:
            if record.topic == USERS_TOPIC:
                delete_user(store, record)
        if number % patience == 0 and store.partitions[number % PARTITIONS].recounting:
            store.recount(number % PARTITIONS)
    for partition in range(PARTITIONS):
        while store.partitions[partition].recounting:
            store.recount(partition)
    assert not store.recounting
    return store


def delete_user(store: MemoryStore, record: LogRecord) -> None:
    for partition in range(PARTITIONS):
        store.fold_user_deletion(partition, read_deletion(record))


def shown(store: MemoryStore) -> dict[str, Any]:
    """What a reader gets, in the witness's terms."""
    messages, channels = {}, {}
    for message in store.visible():
        messages[message.channel, message.offset] = (message.user, message.ts_ms, text_digest(message.text or ""))
    for name, state in store.channels.items():
        if state.messages:
            channels[name] = (state.messages, state.last_ms, state.display.name)
    users = {}
    for user in {key.user for key in store.users}:
        shares = [state for key, state in store.users.items() if key.user == user]
        if counted := [share for share in shares if share.messages]:
            display = max((share.display for share in shares), key=lambda name: name.order)
            users[user] = (sum(s.messages for s in counted), max(s.last_ms for s in counted), display.name)
    pairs = {(p.channel, p.user): (s.messages, s.last_ms) for p, s in store.pairs.items() if s.messages}
    totals = {partition: (state.messages, state.channels) for partition, state in store.partitions.items()}
    return {"messages": messages, "channels": channels, "users": users, "pairs": pairs, "totals": totals}


@given(logs, randoms, st.sets(st.integers(1, 60)), st.integers(1, 3), st.integers(1, 20))
@settings(max_examples=400)
def test_any_interleaving_in_any_batches_gives_what_the_witness_finds(
    log: Log, random: Any, cuts: set[int], recounted_at_once: int, patience: int
) -> None:
    records = interleave(lay_out(log), random)
    assert shown(fold(records, cuts, recounted_at_once, patience)) == expected(records)


@given(crowded_logs, randoms, st.sets(st.integers(1, 50)), st.integers(1, 2), st.sampled_from([1, 3, 50]))
@settings(max_examples=400)
def test_counts_that_follow_a_deletion_end_right_whatever_comes_before_they_have(
    log: Log, random: Any, cuts: set[int], recounted_at_once: int, patience: int
) -> None:
    records = interleave(lay_out(log), random)
    assert shown(fold(records, cuts, recounted_at_once, patience)) == expected(records)


def test_a_channels_newest_time_is_none_of_a_message_that_its_deletion_took_away() -> None:
    """Even while some counts still hold that message, which a clock that runs fast put behind those that follow."""
    fast: Log = [(MessagePosted("a", user, user, "one", T0 + 5), -9) for user in "uvw"]
    late: Log = [(MessagePosted("a", f"late-{number}", "x", "one", T0 + number), 9) for number in (1, 2)]
    log: Log = [*fast, (ChannelDeleted("a", T0 - 5), 0), *late, (MessageDeleted("a", "late-2", T0 + 9), 9)]
    records = interleave(lay_out(log), Random(0))
    assert shown(fold(records, {3, 4, 5, 6}, 1, 50)) == expected(records)


@given(logs, randoms, st.sets(st.integers(1, 60)), st.integers(1, 3), st.integers(1, 20))
@settings(max_examples=400)
def test_the_published_batches_lead_to_the_same_rows(
    log: Log, random: Any, cuts: set[int], recounted_at_once: int, patience: int
) -> None:
    store = fold(interleave(lay_out(log), random), cuts, recounted_at_once, patience)
    messages: dict[tuple[str, str], MessageRow] = {}
    channels: dict[str, NameRow] = {}
    shares: dict[tuple[int, str], UserShare] = {}
    for batch in store.published:
        gone = {(removed.channel, removed.id) for removed in batch.removed_messages}
        messages = {
            key: row
            for key, row in messages.items()
            if key not in gone
            and not any(row.channel == r.name and row.ts_ms <= r.up_to_ms for r in batch.removed_channels)
            and not any(row.user == r.name and row.ts_ms <= r.up_to_ms for r in batch.removed_users)
        }
        messages |= {(row.channel, row.id): row for row in batch.messages}
        channels |= {row.name: row for row in batch.channels}
        shares |= {(share.partition, share.name): share for share in batch.user_shares}
    model = shown(store)
    assert {key: json.loads(row.json)["text"] for key, row in messages.items()} == {
        (message.channel, message.id): message.text for message in store.visible()
    }
    assert {name: (r.messages, r.last_ms, r.display_name) for name, r in channels.items() if r.messages} == model[
        "channels"
    ]
    assert {(user, share.messages) for (_, user), share in shares.items() if share.messages} == {
        (key.user, state.messages) for key, state in store.users.items() if state.messages
    }


@given(logs, randoms, st.data())
def test_what_is_delivered_again_changes_nothing(log: Log, random: Any, data: st.DataObject) -> None:
    posts = [entry for entry in log if isinstance(entry[0], MessagePosted)]
    again = data.draw(st.lists(st.sampled_from(posts), max_size=10)) if posts else []
    once = fold(interleave(lay_out(log), random), set())
    twice = fold(interleave(lay_out(log + again), random), {7, 20})
    assert shown(twice)["pairs"] == shown(once)["pairs"]


@given(logs, randoms)
def test_sums_agree(log: Log, random: Any) -> None:
    """Conservation: Σ by channel = Σ by user = visible messages."""
    model = shown(fold(interleave(lay_out(log), random), {5, 10, 20}))
    messages = len(model["messages"])
    assert messages == sum(count for count, _ in model["totals"].values())
    for rows in ("channels", "users", "pairs"):
        assert sum(row[0] for row in model[rows].values()) == messages


@given(logs, randoms)
def test_positions_of_batches_continue_one_another(log: Log, random: Any) -> None:
    store = MemoryStore(PARTITIONS)
    reached = dict.fromkeys(range(PARTITIONS), 0)
    for record in interleave(lay_out(log), random):
        if record.topic == USERS_TOPIC:
            delete_user(store, record)
            continue
        (step,) = store.fold([read(record)]).positions
        assert step.messages_from == reached[step.partition]
        assert step.messages_to == record.offset + 1
        reached[step.partition] = step.messages_to
