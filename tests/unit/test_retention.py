"""What is too old, and what can be dropped: the setting's changes count, and nothing that went comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livestream.events import FUTURE_TOLERANCE_MS, ChannelDeleted, MessagePosted
from livestream.retention import DAY_MS, Retention, RetentionChange, check_age

NEVER_MS = -(2**62)
T0 = 1_800_000_000_000


def test_without_a_setting_nothing_is_too_old_and_nothing_goes() -> None:
    retention = Retention()
    assert check_age(MessagePosted("c", "1", "u", "", 0), T0, retention) is None
    assert retention.drop_before_ms(T0) is None
    assert not retention.ever_set


@pytest.mark.parametrize(("age_ms", "refused"), [(0, False), (2 * DAY_MS, False), (2 * DAY_MS + 1, True)])
def test_an_event_is_too_old_beyond_the_time_kept(age_ms: int, refused: bool) -> None:
    retention = Retention([RetentionChange(NEVER_MS, 2 * DAY_MS)])
    for event in (MessagePosted("c", "1", "u", "", T0 - age_ms), ChannelDeleted("c", T0 - age_ms)):
        rejected = check_age(event, T0, retention)
        assert (rejected is not None) == refused
        if rejected:
            assert (rejected.reason, rejected.field) == ("too-old", "ts")


def test_an_event_is_judged_by_what_held_when_it_arrived() -> None:
    retention = Retention([RetentionChange(T0, DAY_MS)])
    event = MessagePosted("c", "1", "u", "", T0 - 5 * DAY_MS)
    assert check_age(event, T0 - 1, retention) is None
    assert check_age(event, T0, retention) is not None


def test_longer_retention_brings_nothing_back() -> None:
    """What a repeat would be recognised by may be gone since before the change."""
    retention = Retention([RetentionChange(NEVER_MS, DAY_MS), RetentionChange(T0, 30 * DAY_MS)])
    assert retention.horizon_ms(T0 + DAY_MS) == T0 - DAY_MS
    assert retention.horizon_ms(T0 + 40 * DAY_MS) == T0 + 10 * DAY_MS


def test_forever_again_drops_nothing_more() -> None:
    retention = Retention([RetentionChange(NEVER_MS, DAY_MS), RetentionChange(T0, None)])
    assert retention.drop_before_ms(T0 + 90 * DAY_MS) is None
    assert retention.horizon_ms(T0 + 90 * DAY_MS) == T0 - DAY_MS
    assert retention.ever_set


days = st.integers(1, 400)
moments = st.integers(T0 - 500 * DAY_MS, T0 + 500 * DAY_MS)
changes = st.lists(st.tuples(moments, st.none() | days.map(lambda n: n * DAY_MS)), max_size=4, unique_by=lambda c: c[0])


@given(changes, moments, moments)
def test_the_horizon_never_moves_back(entries: list[tuple[int, int | None]], one: int, other: int) -> None:
    retention = Retention(RetentionChange(*entry) for entry in entries)
    assert retention.horizon_ms(min(one, other)) <= retention.horizon_ms(max(one, other))


@given(days, moments, st.integers(0, 3_600_000))
def test_no_event_still_to_come_reaches_what_goes(kept_days: int, folded_up_to_ms: int, clock_back_ms: int) -> None:
    """Not even one from a broker whose clock is an hour behind, nor a repeat of one whose clock was fast."""
    retention = Retention([RetentionChange(NEVER_MS, kept_days * DAY_MS)])
    before_ms = retention.drop_before_ms(folded_up_to_ms)
    assert before_ms is not None
    latest_ts_ms = before_ms - 1 + FUTURE_TOLERANCE_MS
    repeat = MessagePosted("c", "1", "u", "", latest_ts_ms)
    assert check_age(repeat, folded_up_to_ms - clock_back_ms, retention) is not None


@given(days, moments)
def test_a_log_that_is_kept_a_day_longer_reaches_back_to_the_oldest_row(kept_days: int, now_ms: int) -> None:
    retention = Retention([RetentionChange(NEVER_MS, kept_days * DAY_MS)])
    before_ms = retention.drop_before_ms(now_ms)
    assert before_ms is not None
    assert before_ms > now_ms - (kept_days + 1) * DAY_MS
