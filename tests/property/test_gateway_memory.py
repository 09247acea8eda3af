"""What the gateway holds in memory: retained deltas, and which views a tick passes by."""

from hypothesis import given
from hypothesis import strategies as st

from livestream.deltas import Delta, Totals
from livestream.frames import Change, View, ViewKind, snapshot_json
from livestream_gateway.retention import RETAINED_MS, RecentDeltas
from livestream_gateway.touch import Touch
from tests.support.chat_model import record
from tests.support.random_chat import CHANNELS, USERS, random_batches

MAX_BYTES = 100_000
SIZES = st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, RETAINED_MS // 3)), min_size=1, max_size=30)


def delta(sequence: int, size_bytes: int, as_of_ms: int) -> Delta:
    return Delta(sequence, as_of_ms, Totals(), False, {}, [], [], [], [], [], [], size_bytes)


@given(start=st.integers(0, 10), sizes=SIZES)
def test_retention_is_bounded_and_without_gaps(start: int, sizes: list[tuple[int, int]]) -> None:
    recent = RecentDeltas(start, MAX_BYTES)
    now_ms = 0
    for sequence, (size_bytes, pause_ms) in enumerate(sizes, start + 1):
        now_ms += pause_ms
        recent.append(delta(sequence, size_bytes, now_ms))
        held = recent.between(recent.start, recent.end)
        assert [each.sequence for each in held] == list(range(recent.start + 1, sequence + 1))
        assert held[-1].as_of_ms - held[0].as_of_ms <= RETAINED_MS
        assert len(held) == 1 or recent.held_bytes <= MAX_BYTES
        assert recent.covers(recent.start)
        assert recent.covers(sequence)
        assert not recent.covers(recent.start - 1)
        assert not recent.covers(sequence + 1)


@given(sizes=SIZES, to=st.integers(-1, 40))
def test_what_is_forgotten_is_not_held(sizes: list[tuple[int, int]], to: int) -> None:
    recent = RecentDeltas(0, MAX_BYTES * 100)
    for sequence, (size_bytes, _) in enumerate(sizes, 1):
        recent.append(delta(sequence, size_bytes, 0))
    recent.forget(to)
    assert recent.start == max(min(to, len(sizes)), 0)
    recent.forget(len(sizes))
    assert recent.held_bytes == 0


@given(seed=st.integers(0, 10_000), first=st.integers(0, 25), count=st.integers(1, 5))
def test_a_view_that_is_passed_by_has_not_changed(seed: int, first: int, count: int) -> None:
    batches = random_batches(seed)
    history = record(next(batches) for _ in range(30))
    deltas = history.deltas[first : first + count]
    touch, last = Touch(deltas), first + len(deltas)
    names = [View(ViewKind.CHANNEL, name) for name in CHANNELS] + [View(ViewKind.USER, name) for name in USERS]
    for view in names:
        if touch.concerns(view):
            continue
        change = Change(view)
        for each in deltas:
            change.add(each)
        assert change.empty
        before, after = (history.states[n].window(view, 0) for n in (first, last))
        assert snapshot_json(before, 0) == snapshot_json(after, 0)
