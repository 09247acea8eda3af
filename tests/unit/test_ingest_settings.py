"""Ids, the rate limit and the settings of ingest."""

import uuid
from pathlib import Path

import pytest

from livestream.api_keys import change_keys
from livestream.settings import Environment, SettingsError
from livestream.topics import TopicSettings
from livestream_ingest.ids import derived_ids, fresh_ids
from livestream_ingest.rate_limit import TokenBucket
from livestream_ingest.settings import DEFAULT_IN_FLIGHT_BYTES, Settings


def test_fresh_ids_sort_by_time() -> None:
    ids = [fresh_ids(0) for _ in range(1_000)]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(each).version for each in ids} == {7}


def test_derived_ids_depend_on_owner_key_and_index_and_on_nothing_else() -> None:
    assert derived_ids("", "key")(3) == derived_ids("", "key")(3)
    combinations = [("", "key"), ("key", ""), ("ke", "y"), ("", "key2"), ("owner", "key")]
    ids = {derived_ids(*each)(index) for each in combinations for index in range(50)}
    assert len(ids) == 250
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in ids} == {(8, uuid.RFC_4122)}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_lets_a_large_request_pass_once_and_then_waits_for_it() -> None:
    clock = Clock()
    bucket = TokenBucket(10, clock)
    assert bucket.take(0) == 0
    assert bucket.take(50) == 0
    assert bucket.take(1) == pytest.approx(4.1)
    clock.now = 4.0
    assert bucket.take(1) == pytest.approx(0.1)
    clock.now = 4.2
    assert bucket.take(1) == 0


def test_a_bucket_holds_one_second() -> None:
    clock = Clock()
    bucket = TokenBucket(10, clock)
    clock.now = 1_000.0
    assert [bucket.take(1) > 0 for _ in range(12)] == [False] * 10 + [True] * 2


def test_without_a_rate_everything_passes() -> None:
    bucket = TokenBucket(0)
    assert {bucket.take(1_000_000) for _ in range(3)} == {0.0}


def test_settings_have_defaults() -> None:
    settings = Settings.read(Environment({}))
    assert (settings.process.port, settings.topics) == (8081, TopicSettings(12, -1, None))
    assert (settings.ack_timeout_seconds, settings.rate_limit_per_second) == (10.0, 0.0)
    assert settings.in_flight_bytes == DEFAULT_IN_FLIGHT_BYTES


def test_all_wrong_settings_are_told_at_once() -> None:
    wrong = {"MESSAGES_PARTITIONS": "0", "KAFKA_ACK_TIMEOUT_SECONDS": "0", "MAX_IN_FLIGHT_BYTES": "1", "PORT": "x"}
    with pytest.raises(SettingsError) as caught:
        Settings.read(Environment(wrong))
    assert all(name in str(caught.value) for name in wrong)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_nobody_has_to_be_asked(host: str) -> None:
    assert Settings.read(Environment({"HOST": host})).api_keys_file is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "chat.example.org"])
def test_it_is_open_to_others_only_by_name(host: str) -> None:
    with pytest.raises(SettingsError, match=r"HOST is .*API_KEYS_FILE.*ALLOW_ANONYMOUS=yes"):
        Settings.read(Environment({"HOST": host}))
    assert Settings.read(Environment({"HOST": host, "ALLOW_ANONYMOUS": "yes"})).api_keys_file is None


def test_with_keys_it_may_listen_to_others(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    change_keys(file, lambda ring: ring.with_new("irc")[0])
    assert Settings.read(Environment({"HOST": "0.0.0.0", "API_KEYS_FILE": str(file)})).api_keys_file == file


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"keys": [{}]}'])
def test_a_file_of_keys_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="API_KEYS_FILE is"):
        Settings.read(Environment({"API_KEYS_FILE": str(file)}))
