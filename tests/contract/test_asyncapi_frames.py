"""What docs/asyncapi.yaml says of frames and statuses is what `livestream.frames` encodes."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livestream.frames import (
    Change,
    SnapshotReason,
    StreamState,
    View,
    delta_json,
    snapshot_json,
    status_json,
)
from livestream.times import MAX_MS, MIN_MS
from tests.contract.asyncapi_document import MESSAGES, check, is_valid
from tests.property.test_frames import BATCHES, VIEWS
from tests.support.chat_model import Happening, record

moments = st.integers(MIN_MS, MAX_MS)


def decoded(frame: bytes) -> Any:
    return msgspec.json.decode(frame)


def example(name: str, example_name: str) -> dict[str, Any]:
    (found,) = [each["payload"] for each in MESSAGES[name]["examples"] if each["name"] == example_name]
    payload: dict[str, Any] = found
    return payload


@given(BATCHES, VIEWS, st.sampled_from(SnapshotReason), st.data())
def test_frames_are_as_described(
    batches: list[list[Happening]], view: View, reason: SnapshotReason, data: st.DataObject
) -> None:
    history = record(batches)
    start = data.draw(st.integers(0, len(batches) - 1))
    window = history.states[start].window(view, start)
    check("snapshot", decoded(snapshot_json(window, 0, reason)), {"event": "snapshot"})
    change, at_end = Change(view), history.states[-1].window(view, len(batches))
    for delta in history.deltas[start:]:
        change.add(delta)
    for before, totals in ((window, window.totals), (None, None)):
        frame = delta_json(change.completed(at_end, before), 0, at_end.totals, totals)
        check("delta", decoded(frame), {"event": "delta"})


@given(
    st.sampled_from(StreamState), st.none() | moments, st.integers(0), st.integers(100, 1000),
    st.none() | st.floats(0, 1),
)  # fmt: skip
def test_statuses_are_as_described(
    state: StreamState, last_message_ms: int | None, lag_ms: int, tick_ms: int, rebuild: float | None
) -> None:
    check("status", decoded(status_json(state, last_message_ms, lag_ms, tick_ms, rebuild)), {"event": "status"})


def changed(payload: dict[str, Any], changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """With some keys set, or left out where None."""
    return {key: value for key, value in {**payload, **dict(changes)}.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "of", "changes"),
    [
        ("snapshot", "home", {"reason": None}),
        ("snapshot", "home", {"reason": "whim"}),
        ("snapshot", "home", {"totals": None}),
        ("snapshot", "home", {"users": None}),
        ("snapshot", "home", {"removed": {"users": [["ann", "2026-01-02T03:08:00.000Z"]]}}),
        ("snapshot", "home", {"view": "messages"}),
        ("snapshot", "home", {"view": "nowhere"}),
        ("snapshot", "home", {"channels": [{"name": "tea", "messages": 0}]}),
        ("snapshot", "home", {"messages": [example("snapshot", "home")["messages"][0]] * 51}),
        ("snapshot", "nobody", {"users": [{"name": "nobody", "messages": 1}]}),
        ("snapshot", "nobody", {"users": []}),
        ("delta", "posted", {"reason": "start"}),
        ("delta", "posted", {"as_of": "2026-01-02T03:04:06Z"}),
        ("delta", "posted", {"messages": []}),
        ("delta", "removed", {"removed": {}}),
        ("delta", "removed", {"removed": {"messages": [["tea"]]}}),
        ("delta", "removed", {"channels": example("delta", "posted")["channels"]}),
        ("status", "live", {"state": "fine"}),
        ("status", "live", {"tick_ms": 9}),
        ("status", "live", {"last_message_at": None}),
    ],
)
def test_the_description_is_strict(name: str, of: str, changes: dict[str, Any]) -> None:
    payload = example(name, of)
    assert is_valid(name, payload, {"event": name})
    assert not is_valid(name, changed(payload, changes.items()), {"event": name})
