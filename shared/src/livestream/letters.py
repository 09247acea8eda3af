"""A dead letter, read back: the record as it was, the headers in which the projector says where it lay and why, and
what can be told of it although it was refused. Pure.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from livestream import times
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected
from livestream.fold import Coordinates
from livestream.texts import mark_lone_surrogates

Headers = Sequence[tuple[str, bytes | None]]

# Why a record was not folded; docs/asyncapi.yaml says what each means.
REASONS: Final = (
    "bad-json",
    "invalid",
    "unknown-type",
    "wrong-topic",
    "wrong-partition",
    "future-ts",
    "too-old",
    "conflict",
    "unknown-message",
)

_PREFIX: Final = "dead-letter-"
_COORDINATES: Final = re.compile(r"(?P<topic>[^/]+)/(?P<partition>[0-9]{1,9})/(?P<offset>[0-9]{1,18})")
_TOPICS: Final = frozenset({MESSAGES_TOPIC, USERS_TOPIC})

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Letter(msgspec.Struct, frozen=True):
    """What the topic holds under one key.

    `at` is the dead letter's own offset. `key`, `headers` and `value` are the original record's; `append_ms` is when
    the log took it, in milliseconds since 1970 UTC. `cut_from_bytes` is the size of the original value where only its
    beginning is here, or where the key and the headers had no room and are not.
    """

    at: int
    coordinates: Coordinates
    append_ms: int
    rejected: Rejected
    key: bytes | None
    headers: Headers
    value: bytes
    cut_from_bytes: int | None = None


class Names(NamedTuple):
    """The channel and user that a record speaks of, as far as it can be read; they need not be valid."""

    channel: str | None
    user: str | None


class _Loose(msgspec.Struct):
    """Anything that has names in it, or a CloudEvent around it."""

    channel: Any = None
    user: Any = None
    ts: Any = None
    data: Any = None
    data_base64: Any = None


def read_letter(record: Any) -> Letter | None:
    """A record of the dead letter topic (an aiokafka ConsumerRecord); None where it is no dead letter of ours.

    The projector writes its own headers before the original's, so the first of a name is ours. What an upstream sends
    under our prefix is dropped: it would be taken for ours the next time.
    """
    ours: dict[str, bytes] = {}
    for name, content in record.headers:
        if name.startswith(_PREFIX) and content is not None:
            ours.setdefault(name.removeprefix(_PREFIX), content)
    coordinates = read_coordinates(_text(record.key or b""))
    append_time, reason = _text(ours.get("append-time", b"")), _text(ours.get("reason", b""))
    cut_from = _text(ours.get("cut-from-bytes", b""))
    if record.value is None or coordinates is None or coordinates.topic not in _TOPICS:
        return None
    if not append_time.isdecimal() or not reason:
        return None
    return Letter(
        at=record.offset,
        coordinates=coordinates,
        append_ms=int(append_time),
        rejected=Rejected(reason, _text(ours.get("detail", b"")), _text(ours.get("field", b"")) or None),
        key=ours.get("key"),
        headers=without_ours(record.headers),
        value=record.value,
        cut_from_bytes=int(cut_from) if cut_from.isdecimal() else None,
    )


def read_coordinates(text: str) -> Coordinates | None:
    """`topic/partition/offset`, as the topic's keys and people write it; None where it is not."""
    match = _COORDINATES.fullmatch(text)
    return Coordinates(match["topic"], int(match["partition"]), int(match["offset"])) if match else None


def names_in(letter: Letter) -> Names:
    """Read leniently: what is refused for one field may well name its channel.

    A user is looked for in the data, then in the attributes of a CloudEvent around it, then in the key, where the topic
    is keyed by user.
    """
    fields = _decode(letter.value) or _Loose()
    inner = _inside(fields)
    user = _name(inner.user) or _name(fields.user) or _attribute(letter.headers, "ce_user")
    if user is None and letter.coordinates.topic == USERS_TOPIC and letter.key:
        user = _text(letter.key)
    return Names(_name(inner.channel), user)


def time_ms_of(letter: Letter) -> int:
    """What deletions compare with: the earlier of the record's `ts`, if that can be read, and its append time."""
    ts = _inside(_decode(letter.value) or _Loose()).ts
    try:
        return min(times.to_ms(msgspec.convert(ts, _Moment)), letter.append_ms)
    except (msgspec.ValidationError, ValueError):
        return letter.append_ms


def without_ours(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Without what an upstream sent under the prefix of our own headers."""
    return [(name, content) for name, content in headers if not name.startswith(_PREFIX)]


def _inside(fields: _Loose) -> _Loose:
    try:
        if fields.data is not None:
            return msgspec.convert(fields.data, _Loose)
        if isinstance(fields.data_base64, str):
            return _decode(base64.b64decode(fields.data_base64, validate=True)) or fields
    except (msgspec.ValidationError, ValueError):
        pass
    return fields


def _decode(value: bytes) -> _Loose | None:
    try:
        return msgspec.json.decode(value, type=_Loose)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        marked = mark_lone_surrogates(value)
        return None if marked is None else _decode(marked)


def _attribute(headers: Headers, name: str) -> str | None:
    return next((_text(content) for each, content in headers if each.lower() == name and content), None)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
