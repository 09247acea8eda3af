"""What counts as a name, an id and a text (contract, section 1).

Each check returns the value to keep and raises ValueError with a sentence about what is wrong.
"""

import re
import unicodedata
from functools import lru_cache

NAME_MAX_CHARACTERS = 200
TEXT_MAX_BYTES = 16 * 1024

_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode categories Cc and Cs
_RESERVED_NAMES = frozenset({".", ".."})  # no URL path can carry them: clients resolve them away

# A stream has far fewer names than messages; this many cover the hot ones in a few megabytes.
_CACHED_NAMES = 65_536


@lru_cache(_CACHED_NAMES)
def check_name(value: str) -> str:
    """A channel's or user's name, in NFC."""
    name = check_label(value)
    if name in _RESERVED_NAMES:
        raise ValueError("must not be `.` or `..`")
    return name


@lru_cache(_CACHED_NAMES)
def check_label(value: str) -> str:
    """A display name, in NFC: like a name, but it never stands in a path."""
    _check_characters(value)
    label = unicodedata.normalize("NFC", value)
    _check_length(label)
    return label


def check_id(value: str) -> str:
    """A message's id. It is compared as it stands: upstream systems choose it."""
    _check_characters(value)
    _check_length(value)
    return value


def check_text(value: str) -> str:
    """A message's text."""
    size = len(value) if value.isascii() else _utf8_bytes(value)
    if size is None or "\0" in value:
        raise ValueError("must not contain NUL or lone surrogates")
    if size > TEXT_MAX_BYTES:
        raise ValueError(f"must be at most {TEXT_MAX_BYTES} bytes of UTF-8, has {size}")
    return value


def _utf8_bytes(value: str) -> int | None:
    """None where UTF-8 has no way to write it."""
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        return None


def _check_characters(value: str) -> None:
    if value.isascii() and value.isprintable():
        return  # five times as fast as the search
    if _CONTROL_OR_SURROGATE.search(value):
        raise ValueError("must not contain control characters or lone surrogates")


def _check_length(value: str) -> None:
    if not 1 <= len(value) <= NAME_MAX_CHARACTERS:
        raise ValueError(f"must have 1 to {NAME_MAX_CHARACTERS} characters, has {len(value)}")


_JSON_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: one character
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


def mark_lone_surrogates(json: bytes) -> bytes | None:
    """JSON with every escaped lone surrogate replaced by NUL; None where there is none.

    Decoders refuse such JSON as a whole. NUL stands in for what is as forbidden in all that we keep, so that the checks
    above find it and name its field, and what stands beside it is read.
    """
    found = False

    def mark(escape: re.Match[bytes]) -> bytes:
        nonlocal found
        if escape["lone"] is None:
            return escape[0]
        found = True
        return b"\\u0000"

    marked = _JSON_ESCAPE.sub(mark, json)
    return marked if found else None
