"""Page tokens: where the next page of a list begins, opaque to clients.

`static/paging.js` writes the same tokens for messages.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

import msgspec

from livestream import times
from livestream.deltas import MessageRow, NameRow
from livestream.history import HistoryKey
from livestream.serving import NameOrder
from livestream.texts import check_name

_EXPECTED = "must be the `next` of an answer to the same query"
# Offsets and scores are 64-bit; scores are kept as doubles, which hold whole numbers up to this exactly.
_MAX_OFFSET = 2**63 - 1
_MAX_SCORE = 2**53

_encode = msgspec.json.Encoder().encode
_decode_message_key = msgspec.json.Decoder(tuple[int, str, int]).decode
_decode_name_key = msgspec.json.Decoder(tuple[str, int, str]).decode


class NameKey(NamedTuple):
    """Where a page of channels or users ends: the order it is in, and the score and name of its last row there."""

    order: NameOrder
    score: int
    name: str


def key_of_message(row: MessageRow) -> HistoryKey:
    return HistoryKey(*row.order)


def key_of_moment(ms: int) -> HistoryKey:
    """The place before all messages of a time: no channel has an empty name."""
    return HistoryKey(ms, "", 0)


def key_of_name(order: NameOrder, row: NameRow) -> NameKey:
    """Scores are those of the serving copy: negative, so that most and newest come first and ties go by name."""
    scores = {NameOrder.MESSAGES: -row.messages, NameOrder.LAST: -row.last_ms, NameOrder.NAME: 0}
    return NameKey(order, scores[order], row.name)


def write_token(key: HistoryKey | NameKey) -> str:
    return urlsafe_b64encode(_encode(tuple(key))).rstrip(b"=").decode()


def read_message_token(token: str) -> HistoryKey:
    """Raises ValueError where it is not a token of messages."""
    try:
        ts_ms, channel, offset = _decode_message_key(_decoded(token))
        key = HistoryKey(ts_ms, check_name(channel) if channel else "", offset)
    except ValueError:  # msgspec's errors are ValueErrors
        raise ValueError(_EXPECTED) from None
    if not (times.MIN_MS <= ts_ms <= times.MAX_MS and 0 <= offset <= _MAX_OFFSET) or (offset and not channel):
        raise ValueError(_EXPECTED)
    return key


def read_name_token(token: str, order: NameOrder) -> NameKey:
    """Raises ValueError where it is not a token of names in this order."""
    try:
        written_for, score, name = _decode_name_key(_decoded(token))
        key = NameKey(NameOrder(written_for), score, check_name(name))
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if key.order is not order or abs(score) > _MAX_SCORE:
        raise ValueError(_EXPECTED)
    return key


def _decoded(token: str) -> bytes:
    try:
        return urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError(_EXPECTED) from None
