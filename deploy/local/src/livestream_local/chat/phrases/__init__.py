"""What the generated people say: whole sentences by language, so that a reader finds nothing odd in them.

A `{slot}` is filled from the language's own words, or with a number `{n}`, a time of day `{time}` or a `{link}`.
"""

from typing import NamedTuple


class Exchange(NamedTuple):
    """Something that starts a conversation, and what others may answer to it, in any order."""

    opening: str
    replies: tuple[str, ...]


class Language(NamedTuple):
    """One language's material. `reactions` suit anything, `thanks` end an exchange."""

    exchanges: tuple[Exchange, ...]
    reactions: tuple[str, ...]
    thanks: tuple[str, ...]
    names: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]
