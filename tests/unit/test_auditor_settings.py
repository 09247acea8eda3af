"""The auditor's settings: what is wrong is named with what was expected."""

import pytest

from livestream.settings import Environment, SettingsError
from livestream_auditor.settings import Settings


def test_without_any_variable_everything_is_sampled_once_a_minute() -> None:
    settings = Settings.read(Environment({}))
    assert (settings.sample, settings.most_messages, settings.interval_s) == (1.0, 200_000, 60.0)
    assert (settings.process.port, settings.stream_url) == (8088, "http://127.0.0.1:8082")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUDIT_SAMPLE", "0"),
        ("AUDIT_SAMPLE", "1.5"),
        ("AUDIT_SAMPLE", "nan"),
        ("AUDIT_SAMPLE", "all"),
        ("AUDIT_MESSAGES", "10"),
        ("AUDIT_INTERVAL_SECONDS", "0"),
        ("AUDIT_STREAM_URL", "127.0.0.1:8082"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is .*, but must be "):
        Settings.read(Environment({name: value}))
