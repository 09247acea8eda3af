"""The auditor's settings: what is wrong is named with what was expected."""

import re

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
        ("AUDIT_STREAM_URL", "ftp://gateway"),
        ("AUDIT_STREAM_URL", "http://"),
        ("AUDIT_STREAM_URL", "http:///v1"),
        ("AUDIT_STREAM_URL", "http://gateway:port"),
        ("AUDIT_STREAM_URL", "http://gateway:70000"),
        ("AUDIT_STREAM_URL", "http://["),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is {re.escape(repr(value))}, but must be "):
        Settings.read(Environment({name: value}))


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "AUDIT_STREAM_URL"])
@pytest.mark.parametrize("value", ["ftp://ann:pass word@host:1", "ftp://ann:pass/w@rd@host:1", "ftp://:pass@[host"])
def test_no_password_is_told(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is ") as refused:
        Settings.read(Environment({name: value}))
    assert "pass" not in str(refused.value)
