"""A sampled witness knows what the whole one knows of its channels, and no more than it may remember."""

from random import Random

from livestream.events import MESSAGES_TOPIC, MessageDeleted, MessagePosted, encode_event
from livestream.partitioning import partition_of
from livestream_auditor.witness import Baseline, ChannelSample, DroppedPair, LogFacts, LogRecord, ReadModel, message_key
from tests.support.logs import PARTITIONS, T0, interleave, lay_out, random_log

CHANNELS = [f"channel {number}" for number in range(1_000)]


def test_a_share_is_about_so_many_of_all_channels_and_a_smaller_one_a_part_of_it() -> None:
    quarter = ChannelSample.of_share(0.25)
    sampled = [channel for channel in CHANNELS if channel in quarter]
    assert 200 < len(sampled) < 300
    assert {channel for channel in CHANNELS if channel in quarter.halved()} < set(sampled)
    assert all(channel in ChannelSample.of_share(1) for channel in CHANNELS)
    assert not any(channel in ChannelSample.of_share(0) for channel in CHANNELS)


def test_what_is_known_of_sampled_channels_is_what_the_whole_log_says_of_them() -> None:
    sample = ChannelSample.of_share(0.5)
    assert {channel in sample for channel in "abc"} == {True, False}
    for seed in range(50):
        random = Random(seed)
        records = interleave(lay_out(random_log(random, 60)), random)
        heard = dict.fromkeys(range(PARTITIONS), len(records))
        whole, sampled = (
            ReadModel(facts, heard)
            for facts in (taken(records, LogFacts(PARTITIONS)), taken(records, LogFacts(PARTITIONS, sample=sample)))
        )
        assert sampled.pairs == {pair: tally for pair, tally in whole.pairs.items() if pair[0] in sample}
        assert sampled.channels == {name: tally for name, tally in whole.channels.items() if name in sample}
        assert sampled.newest(10) == [message for message in whole.newest(10**6) if message.channel in sample][-10:]


def taken(records: list[LogRecord], facts: LogFacts) -> LogFacts:
    for record in records:
        facts.take(record)
    return facts


def test_memory_is_bounded_however_long_the_log_gets() -> None:
    """Messages and deletions that came first alike; what is left is as if there had never been other channels."""
    records = [record for number in range(5_000) for record in posted_or_deleted_ahead(number)]
    bounded = LogFacts(PARTITIONS, most_messages=500)
    for record in records:
        bounded.take(record)
        assert bounded.remembered <= 500
    assert 0 < bounded.sample.share < 0.25
    assert all(channel in bounded.sample for channel in bounded.channel_partition)
    assert len(bounded._names) < 2 * 500
    narrow_from_the_start = taken(records, LogFacts(PARTITIONS, sample=bounded.sample))
    assert bounded.messages == narrow_from_the_start.messages
    assert bounded._deleted_ahead == narrow_from_the_start._deleted_ahead
    assert bounded.channel_partition == narrow_from_the_start.channel_partition


def posted_or_deleted_ahead(number: int) -> list[LogRecord]:
    channel = CHANNELS[number % len(CHANNELS)]
    event = (
        MessagePosted(channel, str(number), f"user {number % 7}", "text", T0)
        if number % 5
        else MessageDeleted(channel, f"ahead {number}", T0)
    )
    return [LogRecord(MESSAGES_TOPIC, partition_of(channel, PARTITIONS), number, T0, encode_event(event))]


def test_dropped_history_is_sampled_and_bounded_like_what_is_on_the_log() -> None:
    pairs = {(channel, "ann"): DroppedPair(partition_of(channel, PARTITIONS), 3, T0) for channel in CHANNELS}
    deleted = {message_key(channel, "1"): channel for channel in CHANNELS}
    bounded = LogFacts(PARTITIONS, Baseline(pairs=pairs, deleted_messages=deleted), most_messages=700)
    assert 0 < bounded.remembered <= 700
    model = ReadModel(bounded, {})
    assert set(model.channels) == {channel for channel in CHANNELS if channel in bounded.sample}
    assert all(tally.messages == 3 for tally in model.channels.values())
