"""Which dead letters a user's deletion erases, and with which settings their topic lets them go."""

import json

import pytest

from livestream.events import MESSAGES_TOPIC, MessageEdited, Rejected, encode_event
from livestream.fold import Coordinates
from livestream.letter_settings import COMPACTION_LAG_MS, MAX_BYTES, RETENTION_MS, letter_configs, outdated
from livestream.letters import Letter
from livestream.times import format_ms
from livestream_projector.letter_erasure import Findings

APPENDED_MS = 1_790_000_000_000
KEY = b"messages.v1/3/17"


def letter(user: object, ts_ms: int | None = None) -> Letter:
    value = {"channel": "tea", "user": user, "text": "refused", **({} if ts_ms is None else {"ts": format_ms(ts_ms)})}
    return raw(json.dumps(value).encode())


def raw(value: bytes) -> Letter:
    why = Rejected("invalid", "is so")
    return Letter(0, Coordinates(MESSAGES_TOPIC, 3, 17), APPENDED_MS, why, key=None, headers=(), value=value)


def erased(found: Letter, **deleted_ms: int) -> bool:
    findings = Findings()
    findings.take([(KEY, found)], deleted_ms)
    return findings.standing == [KEY]


def test_a_letter_goes_with_its_user_and_nobody_elses() -> None:
    assert erased(letter("ann"), ann=APPENDED_MS)
    assert not erased(letter("ann"), bob=APPENDED_MS)


def test_a_letter_that_is_later_than_the_deletion_stays() -> None:
    """The user started anew."""
    assert not erased(letter("ann"), ann=APPENDED_MS - 1)
    assert not erased(letter("ann", ts_ms=APPENDED_MS + 60_000), ann=APPENDED_MS - 1)


def test_a_late_letter_about_an_earlier_time_goes() -> None:
    """It was refused after the deletion: what it says of its time counts, as for messages."""
    assert erased(letter("ann", ts_ms=APPENDED_MS - 60_000), ann=APPENDED_MS - 60_000)
    assert not erased(letter("ann", ts_ms=APPENDED_MS - 60_000), ann=APPENDED_MS - 60_001)


def test_names_are_compared_in_nfc() -> None:
    findings = Findings()
    findings.take([(KEY, letter("Zoe\u0308"))], {"Zoë": APPENDED_MS})
    assert findings.standing == [KEY]


@pytest.mark.parametrize("value", [b"{nope", b'[{"user": "ann"}]', b'{"user": "\\u0000"}', b'{"user": "\\ud800"}'])
def test_where_no_user_can_be_read_the_letter_is_left_to_its_retention(value: bytes) -> None:
    assert not erased(raw(value), ann=APPENDED_MS)


def test_an_edit_names_no_user_and_is_left_to_its_retention() -> None:
    assert not erased(raw(encode_event(MessageEdited("tea", "1", "edited", 0))), ann=APPENDED_MS)


def test_what_has_its_tombstone_is_held_until_it_is_compacted_and_not_erased_again() -> None:
    findings = Findings()
    findings.take([(KEY, letter("ann")), (KEY, None)], {"ann": APPENDED_MS})
    assert (findings.standing, len(findings)) == ([], 1)


def test_another_letter_under_the_same_key_is_not_erased_with_the_first() -> None:
    """As of a log that was made anew: the same place, another record."""
    findings = Findings()
    findings.take([(KEY, letter("ann"))], {"ann": APPENDED_MS})
    findings.take([(KEY, letter("bob"))], {})
    assert (findings.standing, len(findings)) == ([], 1)


def test_a_letter_that_was_buried_again_after_its_tombstone_is_erased_again() -> None:
    findings = Findings()
    findings.take([(KEY, letter("ann")), (KEY, None), (KEY, letter("ann"))], {"ann": APPENDED_MS})
    assert findings.standing == [KEY]


def test_a_topic_as_we_make_it_is_left_alone() -> None:
    assert outdated(letter_configs(), COMPACTION_LAG_MS) == {}


def test_what_keeps_letters_too_long_is_changed_and_nothing_else() -> None:
    as_first_made = {
        "cleanup.policy": "delete,compact",
        "retention.ms": str(RETENTION_MS),
        "max.message.bytes": str(MAX_BYTES),
        "max.compaction.lag.ms": str(2**63 - 1),
    }
    assert outdated(as_first_made, 1_000) == {"max.compaction.lag.ms": "1000"}
    kept_forever = as_first_made | {"retention.ms": "-1", "cleanup.policy": "compact", "max.message.bytes": "1000"}
    assert outdated(kept_forever, COMPACTION_LAG_MS) == letter_configs()


def test_a_topic_whose_letters_go_sooner_stays_so() -> None:
    sooner = letter_configs() | {"retention.ms": "3600000", "max.compaction.lag.ms": "60000"}
    assert outdated(sooner, COMPACTION_LAG_MS) == {}
