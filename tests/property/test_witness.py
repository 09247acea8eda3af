"""The witness holds what the contract promises of the read model: it is a function of the log and of nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livestream.events import Event, MessagePosted
from livestream_auditor.witness import LogFacts, LogRecord, ReadModel
from tests.support.logs import PARTITIONS, interleave, lay_out, logs


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
    assert shown(interleave(partitions, random)) == shown(in_turn)


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
