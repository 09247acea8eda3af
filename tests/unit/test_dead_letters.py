"""Dead letters: how they are read, whether they can be folded now, where they belong, and how they are shown."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from livestream.events import (
    MESSAGES_TOPIC,
    USERS_TOPIC,
    ChannelDeleted,
    Event,
    MessageEdited,
    MessagePosted,
    Rejected,
    UserDeleted,
    encode_event,
)
from livestream.fold import Coordinates
from livestream.letters import REASONS, Letter, Names, names_in, read_coordinates, read_letter, time_ms_of
from livestream.partitioning import partition_of
from livestream_local.commands.dead_letters import command
from livestream_local.dead_letters.judging import (
    Deletions,
    Place,
    check_foldable,
    check_not_deleted,
    check_partition,
    place_of,
    read_event,
)
from livestream_local.dead_letters.report import describe_counts
from livestream_local.dead_letters.selection import edits_last, select
from livestream_local.dead_letters.shown import as_json, beginning, visible
from livestream_local.dead_letters.topic import Entry
from livestream_local.errors import LauncherError

APPENDED_MS = 1_790_000_000_000
PARTITIONS = 12
POST = MessagePosted("tea", "1", "ann", "hello", APPENDED_MS)


def letter_of(
    value: Event | bytes, reason: str = "wrong-partition", topic: str = MESSAGES_TOPIC, **fields: Any
) -> Letter:
    given = {"key": None, "headers": (), "append_ms": APPENDED_MS, **fields}
    raw = value if isinstance(value, bytes) else encode_event(value)
    return Letter(at=0, coordinates=Coordinates(topic, 3, 17), rejected=Rejected(reason, "is so"), value=raw, **given)


def record_of(key: bytes, headers: list[tuple[str, bytes | None]], value: bytes | None = b"{") -> SimpleNamespace:
    return SimpleNamespace(offset=5, key=key, headers=headers, value=value)


OURS: list[tuple[str, bytes | None]] = [
    ("dead-letter-topic", b"messages.v1"),
    ("dead-letter-partition", b"3"),
    ("dead-letter-offset", b"17"),
    ("dead-letter-append-time", b"1790000000000"),
    ("dead-letter-reason", b"bad-json"),
    ("dead-letter-field", b""),
    ("dead-letter-detail", b"not readable"),
]


def test_a_letter_is_read_back_with_the_originals_own_headers_only() -> None:
    headers = [*OURS, ("dead-letter-key", b"tea"), ("ce_type", b"message.posted"), ("trace", None)]
    letter = read_letter(record_of(b"messages.v1/3/17", headers))
    assert letter is not None
    assert (letter.at, letter.coordinates, letter.append_ms) == (5, Coordinates("messages.v1", 3, 17), APPENDED_MS)
    assert letter.rejected == Rejected("bad-json", "not readable", None)
    assert letter.key == b"tea"
    assert letter.headers == [("ce_type", b"message.posted"), ("trace", None)]
    assert letter.cut_from_bytes is None


def test_headers_of_an_upstream_under_our_prefix_are_not_taken_for_ours() -> None:
    letter = read_letter(record_of(b"messages.v1/3/17", [*OURS, ("dead-letter-reason", b"forged")]))
    assert letter is not None
    assert letter.rejected.reason == "bad-json"
    assert letter.headers == []


@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (b"messages.v1/3/17", []),
        (b"messages.v1/3/17", [(name, content) for name, content in OURS if name != "dead-letter-append-time"]),
        (b"something", OURS),
        (b"elsewhere/3/17", OURS),
        (b"\xff/3/17", OURS),
        (None, OURS),
    ],
)
def test_what_the_projector_did_not_write_is_no_letter(key: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    assert read_letter(record_of(key, headers)) is None


@pytest.mark.parametrize("text", ["", "messages.v1", "messages.v1/3", "messages.v1/3/x", "messages.v1/-1/2", "a/1/2/3"])
def test_coordinates_that_are_none(text: str) -> None:
    assert read_coordinates(text) is None


def test_each_event_goes_where_the_contract_says() -> None:
    channel = Place(MESSAGES_TOPIC, partition_of("tea", PARTITIONS), b"tea")
    for event in (POST, MessageEdited("tea", "1", "x", APPENDED_MS), ChannelDeleted("tea", APPENDED_MS)):
        for topic in (MESSAGES_TOPIC, USERS_TOPIC):
            letter = letter_of(event, topic=topic)
            assert read_event(letter) == event
            assert place_of(letter, event, PARTITIONS) == channel
    deletion = UserDeleted("ann", APPENDED_MS)
    letter = letter_of(deletion, "wrong-topic")
    assert read_event(letter) == deletion
    assert place_of(letter, deletion, PARTITIONS) == Place(USERS_TOPIC, 0, b"ann")


def test_the_channels_nfc_decides_where_it_goes() -> None:
    letter = letter_of(
        json.dumps({"channel": "e\u0301", "user": "u", "text": "", "id": "1", "ts": "2026-01-01T00:00:00Z"}).encode()
    )
    event = read_event(letter)
    assert place_of(letter, event, PARTITIONS) == Place(MESSAGES_TOPIC, partition_of("é", PARTITIONS), "é".encode())


def test_what_cannot_be_read_goes_back_to_where_it_lay() -> None:
    letter = letter_of(b"{nope", "bad-json", key=b"k")
    event = read_event(letter)
    assert isinstance(event, Rejected)
    assert place_of(letter, event, PARTITIONS) == Place(MESSAGES_TOPIC, 3, b"k")
    assert check_partition(Place(MESSAGES_TOPIC, 3, b"k"), PARTITIONS) is None
    assert check_partition(Place(MESSAGES_TOPIC, 3, b"k"), 3) is not None
    assert check_partition(Place(USERS_TOPIC, 3, b"k"), PARTITIONS) is not None


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        (letter_of(POST), None),
        (letter_of(POST, "unknown-message"), None),
        (letter_of(POST, "invalid"), None),  # a later version reads what an earlier one refused
        (letter_of(b"{nope", "bad-json"), "bad-json"),
        (letter_of(b"{}", "invalid"), "invalid"),
        (letter_of(b'{"type": "what"}', "unknown-type"), "unknown-type"),
        (letter_of(POST, "conflict"), "conflict"),
        (letter_of(POST, "too-old"), "too-old"),
        (letter_of(MessagePosted("tea", "1", "ann", "", APPENDED_MS + 600_000), "future-ts"), "future-ts"),
    ],
)
def test_what_would_become_a_dead_letter_again(letter: Letter, reason: str | None) -> None:
    refused = check_foldable(letter, read_event(letter), APPENDED_MS + 1)
    assert (refused.reason if refused else None) == reason


def test_a_time_that_is_no_longer_in_the_future_can_be_folded() -> None:
    event = MessagePosted("tea", "1", "ann", "", APPENDED_MS + 600_000)
    assert check_foldable(letter_of(event, "future-ts"), event, APPENDED_MS + 300_000) is None


@pytest.mark.parametrize(
    ("event", "deletions", "field"),
    [
        (POST, Deletions({}, {}), None),
        (POST, Deletions({"tea": APPENDED_MS}, {}), "channel"),
        (POST, Deletions({}, {"ann": APPENDED_MS}), "user"),
        (POST, Deletions({"tea": APPENDED_MS - 1}, {"ann": APPENDED_MS - 1}), None),
        (POST, Deletions({"ann": APPENDED_MS}, {"tea": APPENDED_MS}), None),
        # Its own clock was four minutes fast: what counted was its append time, and appended again it would be visible.
        (MessagePosted("tea", "1", "ann", "", APPENDED_MS + 240_000), Deletions({}, {"ann": APPENDED_MS + 1}), "user"),
        (MessageEdited("tea", "1", "", APPENDED_MS), Deletions({"tea": APPENDED_MS}, {}), None),
        (Rejected("bad-json", ""), Deletions({}, {}), None),
    ],
)
def test_what_was_deleted_meanwhile_is_not_brought_back(
    event: Event | Rejected, deletions: Deletions, field: str | None
) -> None:
    refused = check_not_deleted(letter_of(POST), event, deletions)
    assert (refused.field if refused else None) == field


ENTRIES = [
    Entry(1, Coordinates("messages.v1", 0, 1), "unknown-message"),
    Entry(2, Coordinates("messages.v1", 0, 2), "bad-json"),
    Entry(5, Coordinates("users.v1", 0, 1), "bad-json"),
]


def test_letters_are_selected_by_reason_and_record() -> None:
    assert select(ENTRIES, (), ()) == ENTRIES
    assert select(ENTRIES, ("bad-json",), ()) == ENTRIES[1:]
    assert select(ENTRIES, ("bad-json",), (Coordinates("users.v1", 0, 1),)) == ENTRIES[2:]
    assert select(ENTRIES, ("conflict",), ()) == []
    with pytest.raises(LauncherError, match=r"no dead letter stands for messages\.v1/7/7"):
        select(ENTRIES, (), (Coordinates("messages.v1", 7, 7),))


def test_edits_come_behind_what_they_may_edit() -> None:
    assert edits_last(ENTRIES) == (ENTRIES[1:], ENTRIES[:1])


def test_counts_are_by_reason_and_the_most_frequent_comes_first() -> None:
    assert describe_counts(ENTRIES) == "3 dead letters: 2 bad-json, 1 unknown-message"
    assert describe_counts(ENTRIES[:1]) == "1 dead letter: 1 unknown-message"
    assert describe_counts([]) == "no dead letters"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本 🙂", "plain é 日本 🙂"),
        ("a\nb\0c", r"a\nb\x00c"),
        ("\x1b[2J\x9b1m\x7f", r"\x1b[2J\x9b1m\x7f"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028\ud800\ufeff", r"\u2028\ud800\ufeff"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"", ""),
        (b"abcd", "abcd"),
        (b"abcde", "abcd…"),
        ("🙂🙂🙂🙂".encode(), "🙂🙂🙂🙂"),
        ("🙂🙂🙂🙂🙂🙂🙂🙂".encode(), "🙂🙂🙂🙂…"),
        (b"\xff\0", r"\xff"[:4] + "…"),
        (b"x" * 1_000_000, "xxxx…"),
    ],
)
def test_a_value_is_shown_by_its_first_characters(value: bytes, shown: str) -> None:
    assert beginning(value, 4) == shown


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (encode_event(POST), Names("tea", "ann")),
        (b'{"channel": "tea", "user": 7, "ts": "never"}', Names("tea", None)),
        (b'{"specversion": "1.0", "data": {"channel": "tea", "user": "ann"}}', Names("tea", "ann")),
        (b'{"specversion": "1.0", "data_base64": "eyJ1c2VyIjoiYW5uIn0="}', Names(None, "ann")),
        (b'{"specversion": "1.0", "data_base64": "no base64"}', Names(None, None)),
        ('{"specversion": "1.0", "data_base64": "é"}'.encode(), Names(None, None)),
        (b'{"user": "ann", "text": "\\ud800"}', Names(None, "ann")),
        (b'{"data": [1], "user": "ann"}', Names(None, "ann")),
        (b"[1, 2]", Names(None, None)),
        (b"{nope", Names(None, None)),
        (b"\xff", Names(None, None)),
        (b"[" * 100_000, Names(None, None)),
    ],
)
def test_names_are_read_from_whatever_has_them(value: bytes, names: Names) -> None:
    assert names_in(letter_of(value)) == names


@pytest.mark.parametrize(
    ("letter", "user"),
    [
        (letter_of(b'{"specversion": "1.0", "user": "envelope", "data": {"user": "data"}}'), "data"),
        (letter_of(b'{"specversion": "1.0", "user": "envelope", "data": {"text": "x"}}'), "envelope"),
        (letter_of(b'{"user": "data"}', headers=[("ce_user", b"header")]), "data"),
        (letter_of(b'{"text": "x"}', headers=[("CE_User", b"header")]), "header"),
        (letter_of(b"{nope", headers=[("ce_user", None)]), None),
        (letter_of(b"{nope", key=b"key", topic=USERS_TOPIC), "key"),
        (letter_of(b'{"user": "data"}', key=b"key", topic=USERS_TOPIC), "data"),
        (letter_of(b"{nope", key=b"channel", topic=MESSAGES_TOPIC), None),
    ],
)
def test_a_user_is_read_from_data_then_from_attributes_then_from_the_key(letter: Letter, user: str | None) -> None:
    assert names_in(letter).user == user


@pytest.mark.parametrize(
    ("value", "time_ms"),
    [
        (encode_event(POST), APPENDED_MS),
        (b'{"ts": "2026-09-21T14:13:19+00:00"}', APPENDED_MS - 1_000),
        (b'{"ts": "2026-09-21T16:13:19+02:00", "user": 7}', APPENDED_MS - 1_000),
        (b'{"specversion": "1.0", "data": {"ts": "2026-09-21T14:13:19Z"}}', APPENDED_MS - 1_000),
        (b'{"ts": "2099-01-01T00:00:00Z"}', APPENDED_MS),
        (b'{"ts": "2026-09-21T14:13:19"}', APPENDED_MS),
        (b'{"ts": "0001-01-01T00:00:00+02:00"}', APPENDED_MS),
        (b'{"ts": 1790000000}', APPENDED_MS),
        (b"{nope", APPENDED_MS),
    ],
)
def test_the_time_of_a_letter_is_the_earlier_of_what_it_says_and_its_append_time(value: bytes, time_ms: int) -> None:
    assert time_ms_of(letter_of(value)) == time_ms


def test_a_line_of_json_holds_the_whole_record_in_ascii() -> None:
    value = '{"channel": "té", "user": "\u202e"}'.encode()
    letter = letter_of(value, key=b"\xff", headers=[("ce_id", "é".encode()), ("trace", None)])
    line = as_json(letter)
    assert line.isascii()
    assert json.loads(line) == {
        "record": "messages.v1/3/17",
        "topic": "messages.v1",
        "partition": 3,
        "offset": 17,
        "appended_at": "2026-09-21T14:13:20.000Z",
        "reason": "wrong-partition",
        "field": None,
        "detail": "is so",
        "channel": "té",
        "user": "\u202e",
        "key_base64": "/w==",
        "headers": [{"name": "ce_id", "value": "é"}, {"name": "trace", "value": None}],
        "value": value.decode(),
        "cut_from_bytes": None,
    }
    assert json.loads(as_json(letter_of(b"\xff\xfe")))["value_base64"] == "//4="


@pytest.mark.parametrize("arguments", [["list"], ["replay", "--yes"], []])
def test_a_reason_that_there_is_not_is_refused_with_those_that_there_are(arguments: list[str]) -> None:
    """An empty list would say that nothing had been refused."""
    result = CliRunner().invoke(command, [*arguments, "--reason", "typo"])
    assert result.exit_code == 2
    assert "'typo' is not one of " in result.output
    assert all(f"'{reason}'" in result.output for reason in REASONS)
