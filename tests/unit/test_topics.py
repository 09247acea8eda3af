"""What topics are made with: the log outlives history by a day, and is forever where history is."""

import pytest

from livestream.retention import DAY_MS, Retention, RetentionChange
from livestream.settings import Environment, SettingsError
from livestream.topics import TopicSettings


def settings(**values: str) -> TopicSettings:
    environment = Environment(values)
    read = TopicSettings.read(environment)
    environment.check()
    return read


def test_without_retention_the_log_is_kept_forever() -> None:
    assert settings().log_configs["retention.ms"] == "-1"


@pytest.mark.parametrize("days", [1, 30, 400])
def test_the_log_outlives_history(days: int) -> None:
    """By the day that the contract gives, and by what a rebuild takes: it begins at the oldest row there is."""
    now_ms = 1_800_000_000_000
    kept_ms = int(settings(RETENTION_DAYS=str(days)).log_configs["retention.ms"])
    oldest_row_ms = Retention([RetentionChange(0, days * DAY_MS)]).drop_before_ms(now_ms)
    assert oldest_row_ms is not None
    assert now_ms - kept_ms < oldest_row_ms - DAY_MS
    assert kept_ms >= (days + 1) * DAY_MS


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "forever"])
def test_a_retention_that_is_no_number_of_days_is_refused(days: str) -> None:
    with pytest.raises(SettingsError, match="RETENTION_DAYS"):
        settings(RETENTION_DAYS=days)
