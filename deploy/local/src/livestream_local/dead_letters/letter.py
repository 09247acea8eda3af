"""A dead letter, read back: the record as it was, and the headers in which the projector says where it lay and why."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected
from livestream.fold import Coordinates

Headers = Sequence[tuple[str, bytes | None]]

_PREFIX: Final = "dead-letter-"
_COORDINATES: Final = re.compile(r"(?P<topic>[^/]+)/(?P<partition>[0-9]{1,9})/(?P<offset>[0-9]{1,18})")
_TOPICS: Final = frozenset({MESSAGES_TOPIC, USERS_TOPIC})


class Letter(msgspec.Struct, frozen=True):
    """What the topic holds under one key.

    `at` is the dead letter's own offset. `key`, `headers` and `value` are the original record's; `append_ms` is when
    the log took it, in milliseconds since 1970 UTC. `cut_from_bytes` is the size of the original value where only its
    beginning is here.
    """

    at: int
    coordinates: Coordinates
    append_ms: int
    rejected: Rejected
    key: bytes | None
    headers: Headers
    value: bytes
    cut_from_bytes: int | None = None


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
    if coordinates is None or coordinates.topic not in _TOPICS or not append_time.isdecimal() or not reason:
        return None
    return Letter(
        at=record.offset,
        coordinates=coordinates,
        append_ms=int(append_time),
        rejected=Rejected(reason, _text(ours.get("detail", b"")), _text(ours.get("field", b"")) or None),
        key=ours.get("key"),
        headers=_without_ours(record.headers),
        value=record.value,
        cut_from_bytes=int(cut_from) if cut_from.isdecimal() else None,
    )


def read_coordinates(text: str) -> Coordinates | None:
    """`topic/partition/offset`, as the topic's keys and people write it; None where it is not."""
    match = _COORDINATES.fullmatch(text)
    return Coordinates(match["topic"], int(match["partition"]), int(match["offset"])) if match else None


def _without_ours(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    return [(name, content) for name, content in headers if not name.startswith(_PREFIX)]


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
