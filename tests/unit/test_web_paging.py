"""Page tokens: read back as they were written, and refused where they were not written by us."""

import base64
import json

import pytest

from livestream.deltas import NameRow
from livestream.history import HistoryKey
from livestream.serving import NameOrder
from livestream_web.paging import (
    NameKey,
    key_of_moment,
    key_of_name,
    read_message_token,
    read_name_token,
    write_token,
)


def token_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "key",
    [
        HistoryKey(0, "a", 0),
        HistoryKey(-62135596800000, "#日本/🙂", 2**63 - 1),
        HistoryKey(1, "a" * 200, 7),
        key_of_moment(5),
    ],
)
def test_a_message_token_reads_as_written(key: HistoryKey) -> None:
    token = write_token(key)
    assert token.isascii()
    assert not set(token) & set("+/=&?#% ")
    assert read_message_token(token) == key


@pytest.mark.parametrize("order", list(NameOrder))
def test_a_name_token_reads_as_written(order: NameOrder) -> None:
    key = key_of_name(order, NameRow("Zoë", "", 12, 34))
    assert read_name_token(write_token(key), order) == key


def test_scores_are_those_of_the_serving_copy() -> None:
    row = NameRow("a", "", 12, 34)
    assert {order: key_of_name(order, row).score for order in NameOrder} == {
        NameOrder.MESSAGES: -12,
        NameOrder.LAST: -34,
        NameOrder.NAME: 0,
    }


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ä",
        "####",
        token_of(None),
        token_of([1, "a"]),
        token_of([1, "a", -1]),
        token_of([1, "a", 2**63]),
        token_of([10**18, "a", 1]),
        token_of([1.5, "a", 1]),
        token_of([1, "", 1]),
        token_of([1, "a\0", 1]),
        token_of([1, "\ud800", 1]),
        token_of(["messages", -1, "a"]),
    ],
)
def test_other_message_tokens_are_refused(token: str) -> None:
    with pytest.raises(ValueError, match="must be the `next`"):
        read_message_token(token)


@pytest.mark.parametrize(
    "token",
    [
        write_token(NameKey(NameOrder.NAME, 0, "a")),
        token_of(["messages", 2**60, "a"]),
        token_of(["messages", "nan", "a"]),
        token_of(["other", 0, "a"]),
        token_of(["messages", 0, "a\0b"]),
        token_of([1, "a", 1]),
    ],
)
def test_other_name_tokens_are_refused(token: str) -> None:
    with pytest.raises(ValueError, match="must be the `next`"):
        read_name_token(token, NameOrder.MESSAGES)
