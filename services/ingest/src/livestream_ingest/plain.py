"""The short way of posts that are plainly right: from JSON as it came to JSON as it goes to the log, no event between.

`livestream.events` is what decides. What is read here is read there just so (a property test holds the two together);
for everything else, and for what is wrong with it, it is asked.
"""

from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from livestream import times
from livestream.events import FUTURE_TOLERANCE_MS, Defaults
from livestream.texts import check_id, check_label, check_name, check_text

_CANONICAL_CHARACTERS: Final = len("2026-01-02T03:04:05.678Z")
_CACHED_SECONDS: Final = 4_096  # most of what is posted is recent

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Post(msgspec.Struct, frozen=True, gc=False):
    """A message that may go to the log; `value` is what the log keeps of it."""

    id: str
    channel: str
    value: bytes


class _Wire(msgspec.Struct, omit_defaults=True, gc=False):
    """What comes and, put right, what goes: in the order in which `encode_event` has it."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    channel: str = ""
    id: str | msgspec.UnsetType = msgspec.UNSET
    user: str = ""
    text: str | msgspec.UnsetType = msgspec.UNSET
    ts: str | msgspec.UnsetType = msgspec.UNSET
    channel_display_name: str | None = None
    user_display_name: str | None = None


_decode = msgspec.json.Decoder(_Wire).decode
_encode = msgspec.json.Encoder().encode


class _NotPlainError(ValueError):
    """`livestream.events` has to say what it is."""


def read_plain(item: bytes | msgspec.Raw, defaults: Defaults) -> Post | None:
    """None where it is not plainly a post that may go to the log now, which is when `defaults` say that it arrived."""
    try:
        wire = _decode(item)
        if wire.type != "message.posted" and wire.type is not msgspec.UNSET:
            return None
        wire.type = "message.posted"
        # A name that is absent is empty here: either is refused.
        wire.channel = check_name(wire.channel)
        wire.user = check_name(wire.user)
        wire.id = id_ = defaults.new_id() if wire.id is msgspec.UNSET else check_id(wire.id)
        if wire.text is msgspec.UNSET:
            return None
        check_text(wire.text)
        wire.ts = _time(wire.ts, defaults.ts_ms)
        if wire.channel_display_name is not None:
            wire.channel_display_name = check_label(wire.channel_display_name)
        if wire.user_display_name is not None:
            wire.user_display_name = check_label(wire.user_display_name)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return None
    return Post(id_, wire.channel, _encode(wire))


def _time(ts: str | msgspec.UnsetType, arrival_ms: int) -> str:
    """As the log has it. Raises ValueError."""
    if ts is msgspec.UNSET:
        return times.format_ms(arrival_ms)
    if not _is_canonical(ts):
        ts = times.format_ms(times.to_ms(msgspec.convert(ts, _Moment)))
    if ts > _latest(arrival_ms):  # so written, they sort by time
        raise _NotPlainError
    return ts


@lru_cache(1)
def _latest(arrival_ms: int) -> str:
    return times.format_ms(arrival_ms + FUTURE_TOLERANCE_MS)


def _is_canonical(ts: str) -> bool:
    """Whether it is written as `times.format_ms` would: `2026-01-02T03:04:05.678Z`."""
    return (
        len(ts) == _CANONICAL_CHARACTERS
        and ts[19] == "."
        and ts[23] == "Z"
        and ts.isascii()
        and ts[20:23].isdecimal()
        and _is_second(ts[:19])
    )


@lru_cache(_CACHED_SECONDS)
def _is_second(second: str) -> bool:
    try:
        ms = times.to_ms(msgspec.convert(f"{second}Z", _Moment))
    except (ValueError, msgspec.ValidationError):
        return False
    return times.format_ms(ms) == f"{second}.000Z"
