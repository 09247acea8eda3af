"""Bytes from anywhere, made fit to be shown in a terminal."""

import base64
import json
import unicodedata
from typing import Final

from livestream.letters import Letter, names_in
from livestream.times import format_ms

# Control and format characters, surrogates, line and paragraph separators: they move the cursor, turn the direction of
# a line, or cannot be encoded.
_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with what a terminal would obey written as an escape."""
    return "".join(
        character.encode("unicode_escape").decode() if unicodedata.category(character) in _UNSHOWABLE else character
        for character in text
    )


def beginning(value: bytes, characters: int) -> str:
    """The first characters of a value, visible; an ellipsis says that there is more."""
    # No character has more than four bytes, so the value is decoded no further than it can be shown.
    head = value[: 4 * characters + 4]
    text = head.decode("utf-8", "backslashreplace")
    cut = len(text) > characters or len(value) > len(head)
    return visible(text[:characters]) + ("…" if cut else "")


def as_json(letter: Letter) -> str:
    """One line, in ASCII, so that no terminal obeys what is in it."""
    names, where, why = names_in(letter), letter.coordinates, letter.rejected
    described: dict[str, object] = {
        "record": str(where),
        "topic": where.topic,
        "partition": where.partition,
        "offset": where.offset,
        "appended_at": format_ms(letter.append_ms),
        "reason": why.reason,
        "field": why.field,
        "detail": why.detail,
        "channel": names.channel,
        "user": names.user,
        **_bytes("key", letter.key),
        "headers": [{"name": name, **_bytes("value", content)} for name, content in letter.headers],
        **_bytes("value", letter.value),
        "cut_from_bytes": letter.cut_from_bytes,
    }
    return json.dumps(described)


def _bytes(name: str, content: bytes | None) -> dict[str, str | None]:
    if content is None:
        return {name: None}
    try:
        return {name: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}
