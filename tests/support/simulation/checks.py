"""What must hold of a history, whatever broke on the way. Each check names its invariant."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition

from livestream.cursor import Cursor
from livestream.deltas import NameRow
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected
from livestream.fold import Changes, Prior, advance_users, split
from livestream.frames import Change, View, ViewKind
from livestream.retention import Retention
from livestream.times import format_ms
from livestream_auditor.witness import LogFacts, ReadModel, text_digest
from livestream_projector.decode import checksum_of, read_message, read_user_deletion
from tests.support.memory_store import MemoryStore
from tests.support.simulation.kafka import Kafka
from tests.support.simulation.recorder import Moment
from tests.support.simulation.viewer import Seen, Viewer

Offsets = Mapping[int, tuple[int, int]]


def check_equal(what: str, found: Any, wanted: Any) -> None:
    """As `assert found == wanted`, naming the parts that differ."""
    assert found == wanted, f"{what}: {_difference(found, wanted)}"


class Witness:
    """The independent reading of one log."""

    def __init__(self, kafka: Kafka) -> None:
        self._records = kafka.records()
        self._partitions = kafka.partitions

    def at(self, offsets: Offsets) -> ReadModel:
        """What the log says up to those next offsets of (messages.v1, users.v1) of each partition."""
        heard = {partition: users for partition, (_, users) in offsets.items()}
        facts = LogFacts(self._partitions)
        for record in self._records:
            if record.topic == USERS_TOPIC or record.offset < offsets[record.partition][0]:
                facts.take(record)
        return ReadModel(facts, heard)

    def refused(self) -> dict[str, str]:
        """The coordinates of what must be a dead letter, with the reason."""
        facts, refused = LogFacts(self._partitions), {}
        for record in self._records:
            before = facts.refused.copy()
            facts.take(record)
            for reason in facts.refused - before:
                refused[f"{record.topic}/{record.partition}/{record.offset}"] = reason
        return refused


def check_store(store: MemoryStore, model: ReadModel) -> None:
    """The durable rows are what the witness finds, and the counts agree with one another (conservation)."""
    visible = {(m.channel, m.offset): (m.user, m.ts_ms, text_digest(m.text or "")) for m in store.visible()}
    check_equal("messages", visible, {(m.channel, m.offset): (m.user, m.ts_ms, m.shown_text) for m in model.visible()})
    channels = {n: (s.messages, s.last_ms, s.display.name) for n, s in store.channels.items() if s.messages}
    check_equal("channels", channels, {n: (t.messages, t.last_ms, t.display_name) for n, t in model.channels.items()})
    pairs = {tuple(pair): (s.messages, s.last_ms) for pair, s in store.pairs.items() if s.messages}
    check_equal("pairs", pairs, {pair: (t.messages, t.last_ms) for pair, t in model.pairs.items()})
    shares = {tuple(key): (s.messages, s.last_ms) for key, s in store.users.items() if s.messages}
    check_equal("shares", shares, {key: (t.messages, t.last_ms) for key, t in model.shares.items()})
    totals = {partition: (state.messages, state.channels) for partition, state in store.partitions.items()}
    check_equal("totals", totals, model.partition_totals())
    for rows in (channels, pairs, shares, totals):
        assert sum(row[0] for row in rows.values()) == len(visible), "conservation: every sum is the same"


def check_replay(store: MemoryStore, kafka: Kafka) -> None:
    """The same log folded anew, in one go, gives the same rows."""
    anew = MemoryStore(kafka.partitions)
    for partition in range(kafka.partitions):
        originals = kafka.originals(TopicPartition(MESSAGES_TOPIC, partition))
        for run in split([read_message(original, kafka.partitions, Retention()) for original in originals]):
            anew.fold(run)
    for original in kafka.originals(TopicPartition(USERS_TOPIC, 0)):
        deletion = read_user_deletion(original, Retention())
        for partition in range(kafka.partitions):
            if isinstance(deletion, Rejected):
                changes = Changes(Prior(anew.positions([partition])))
                advance_users(changes.prior, partition, original.offset, checksum_of(original))
                anew.commit(changes)
            else:
                anew.fold_user_deletion(partition, deletion)
    for name in ("channels", "users", "pairs"):
        check_equal(f"replay: {name}", _rows(getattr(store, name)), _rows(getattr(anew, name)))
    check_equal("replay: partitions", _partitions(store), _partitions(anew))
    check_equal("replay: messages", _messages(store), _messages(anew))


def check_letters(kafka: Kafka, witness: Witness) -> None:
    """What the log holds and the fold refuses is a dead letter with its reason, and nothing else is one."""
    found = {at: dict(letter.headers)["dead-letter-reason"].decode() for at, letter in kafka.letters.items()}
    check_equal("dead letters", found, witness.refused())


def check_served(moment: Moment, witness: Witness) -> None:
    """What Redis shows at a position is what the log says up to the offsets of that position, exactly."""
    windows = moment.windows()
    stand = windows.stand
    model = witness.at(stand.positions)
    at = f"served at {stand.cursor}"
    totals = stand.totals
    check_equal(f"{at}: totals", (totals.messages, totals.channels), model.totals[:2])
    check_equal(f"{at}: channels", windows.channels, _names(model.channels))
    if not stand.recounting:  # else users' counts still follow a channel's deletion
        check_equal(f"{at}: users", windows.users, _names(model.users))
        assert totals.users == model.totals[2]
    newest = [(m.order, m.user, m.shown_text) for m in model.newest(1_000)]
    held = [
        (tuple(row.order), row.user, text_digest(msgspec.json.decode(row.json)["text"])) for row in windows.messages
    ]
    check_equal(f"{at}: messages", held, newest[len(newest) - len(held) :])


def check_viewer(viewer: Viewer, some: Sequence[Seen], moments: Mapping[Cursor, Moment], witness: Witness) -> None:
    """At each position a viewer shows what the log says up to the offsets of that position: whatever was coalesced."""
    for seen in some:
        stand = moments[seen.cursor].windows().stand
        model = witness.at(stand.positions)
        for view, window in seen.windows.items():
            found, wanted = _comparable(window), expected_view(view, model)
            if stand.recounting:  # users' counts still follow a channel's deletion
                found, wanted = (_without_users(each) for each in (found, wanted))
            check_equal(f"{viewer.name} shows {view} at {seen.cursor}", found, wanted)


def check_nothing_missed(viewer: Viewer, moments: Mapping[Cursor, Moment]) -> None:
    """Of views that promise it, every message that came since the last snapshot and is still there was told."""
    if viewer.cursor is None:
        return
    for view, since in viewer.since.items():
        if view.kind not in (ViewKind.MESSAGES, ViewKind.CHANNEL, ViewKind.USER):
            continue
        told = Change(view)
        for sequence in range(since.sequence + 1, viewer.cursor.sequence + 1):
            told.add(moments[Cursor(since.epoch, sequence)].delta())
        missed = told.messages.keys() - viewer.kept[view].messages.keys()
        assert not missed, f"{viewer.name} was not told on {view}: {missed}"


def expected_view(view: View, model: ReadModel) -> dict[str, Any]:
    """A view's window as the contract's section 4 has it, in comparable form."""
    limits, expected = view.limits, dict[str, Any]()
    if view.has_totals:
        expected["totals"] = dict(zip(("messages", "channels", "users"), model.totals, strict=True))
    if limits.messages:
        newest = [
            (m.channel, m.offset, m.user, format_ms(m.ts_ms), m.shown_text, m.edit and format_ms(m.edit.ts_ms))
            for m in model.newest(1_000)
            if (view.kind is not ViewKind.CHANNEL or m.channel == view.name)
            and (view.kind is not ViewKind.USER or m.user == view.name)
        ]
        expected["messages"] = newest[-limits.messages :]
    for key, limit, tallies in (("channels", limits.channels, model.channels), ("users", limits.users, model.users)):
        if limit:
            rows = [row for row in _names(tallies) if not view.name or row.name == view.name][:limit]
            expected[key] = [(row.name, row.display_name, row.messages, format_ms(row.last_ms)) for row in rows]
            if view.name and not rows:
                expected[key] = [(view.name, "", 0, None)]
    return expected


def _without_users(view: dict[str, Any]) -> dict[str, Any]:
    rest = {key: rows for key, rows in view.items() if key != "users"}
    return rest | {"totals": {**rest["totals"], "users": None}} if "totals" in rest else rest


def _comparable(window: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(window)
    if "messages" in shown:
        shown["messages"] = [
            (row["channel"], row["offset"], row["user"], row["ts"], text_digest(row["text"]), row.get("edited_at"))
            for row in shown["messages"]
        ]
    for key in ("channels", "users"):
        if key in shown:
            shown[key] = [
                (row["name"], row.get("display_name", ""), row["messages"], row.get("last_message_at"))
                for row in shown[key]
            ]
    return shown


def _difference(found: Any, wanted: Any) -> str:
    if not (isinstance(found, dict) and isinstance(wanted, dict)):
        return f"found {found}, wanted {wanted}"
    missing = {key: wanted[key] for key in wanted.keys() - found.keys()}
    added = {key: found[key] for key in found.keys() - wanted.keys()}
    differ = {key: (found[key], wanted[key]) for key in found.keys() & wanted.keys() if found[key] != wanted[key]}
    return f"missing {missing}, too many {added}, differing (found, wanted) {differ}"


def _names(tallies: Mapping[str, Any]) -> list[NameRow]:
    rows = [NameRow(name, tally.display_name, tally.messages, tally.last_ms) for name, tally in tallies.items()]
    return sorted(rows, key=lambda row: (-row.messages, row.name))


def _rows(table: Mapping[Any, Any]) -> dict[Any, Any]:
    """Of a name without messages only its deletion has a meaning: nothing else is ever looked at again."""
    return {key: msgspec.to_builtins(row) for key, row in table.items() if getattr(row, "messages", 1)}


def _partitions(store: MemoryStore) -> dict[int, Any]:
    """In how many steps counts have followed deletions is no outcome."""
    return {p: msgspec.structs.replace(state, recounts=0) for p, state in store.partitions.items()}


def _messages(store: MemoryStore) -> dict[Any, Any]:
    shown = {m.key: (m.text, m.edited_ts_ms, m.channel_display_name, m.user_display_name) for m in store.visible()}
    return {
        key: (m.posted, m.deleted, m.offset, m.user, m.digest, m.ts_ms, m.append_ms, shown.get(key))
        for key, m in store.messages.items()
    }
