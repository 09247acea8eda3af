"""Which messages to read, and the statements that read them. Pure.

A row is visible where its own flag says so and no deletion of its channel or user is as late as its time: a deletion
hides at once, and the flags follow in chunks. What other partitions know of a user's deletion hides by `ts` only, as it
does for those who follow the deltas: they cannot tell more until the message's own partition does.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from livestream.serving import NameKind

Statement = tuple[Any, ...]  # its text, and its arguments

_COLUMNS: Final = "m.channel, m.id, m.username, m.ts_ms, m.append_ms, m.log_offset, m.text, m.edited_ts_ms"
# Looked up for each row: OFFSET 0 keeps the planner from a join that goes through all names, or through many deletions
# that it does not know of yet. That there was one at all is said for the indexes of deleted names, which are few.
_NOT_ENDED: Final = """NOT EXISTS (
    SELECT FROM channels c
    WHERE c.generation = m.generation AND c.channel = m.channel AND c.deleted_ms > -4611686018427387904
      AND c.deleted_ms >= least(m.ts_ms, m.append_ms) OFFSET 0)
  AND NOT EXISTS (
    SELECT FROM partition_users u
    WHERE u.generation = m.generation AND u.username = m.username AND u.deleted_ms > -4611686018427387904
      AND u.deleted_ms >= CASE WHEN u.partition = m.partition THEN least(m.ts_ms, m.append_ms) ELSE m.ts_ms END
    OFFSET 0)"""
_VISIBLE: Final = "SELECT {columns} FROM messages m WHERE {conditions}"
_AMONG: Final = "SELECT {columns} FROM ({rows}) m WHERE {conditions}"
# What is visible is later than this: the index begins there, and not at millions of rows that a deletion has hidden and
# nobody has erased yet.
_LATER_THAN_CHANNEL: Final = """m.ts_ms > (
    SELECT coalesce(max(c.deleted_ms), -4611686018427387904) FROM channels c
    WHERE c.generation = $1 AND c.channel = {})"""
_LATER_THAN_USER: Final = """m.ts_ms > (
    SELECT coalesce(max(u.deleted_ms), -4611686018427387904) FROM partition_users u
    WHERE u.generation = $1 AND u.username = {})"""
# As migration 0006 indexes it, character for character.
_MATCHES: Final = "to_tsvector('simple', m.text) @@ {}::text::tsquery"
# Letter by letter as the configuration `simple` does it, and at a tenth of the cost of finding words.
_CONTAINS: Final = "strpos(lower(m.text), {}) > 0"


class Direction(Enum):
    """Which end of the order of messages comes first."""

    NEWEST_FIRST = "DESC"
    OLDEST_FIRST = "ASC"


class HistoryKey(NamedTuple):
    """A place in the order of messages: just before the message of this key, where there is one.

    What stands below it is older; the message itself, and all above, are newer.
    """

    ts_ms: int
    channel: str
    offset: int

    def above(self) -> "HistoryKey":
        """The place just after the message of this key."""
        return self._replace(offset=self.offset + 1)


class HistoryFilter(NamedTuple):
    """Which messages; times are exclusive, in milliseconds since 1970 UTC.

    `words`: what their text has to hold, as Postgres's `websearch_to_tsquery` reads it: words, "a phrase", -not, or.
    """

    channel: str | None = None
    user: str | None = None
    before_ms: int | None = None
    after_ms: int | None = None
    words: str | None = None

    def narrowed_to(self, kind: NameKind, name: str) -> "HistoryFilter":
        """Those of one channel or user, whichever the filter named before."""
        return self._replace(channel=name) if kind == "channels" else self._replace(user=name)


class MessageQuery:
    """The messages of one filter in one direction, from a place on, or from the first.

    Only `near` and `all_matching` look at words.
    """

    def __init__(
        self,
        generation: int,
        wanted: HistoryFilter,
        direction: Direction = Direction.NEWEST_FIRST,
        place: HistoryKey | None = None,
    ) -> None:
        self._conditions: list[str] = []
        self._arguments: list[Any] = [generation]
        # With one channel the index is on (channel, ts_ms, log_offset); what names the channel cannot use it.
        self._order = ("ts_ms", "log_offset") if _is_one_channel(wanted) else ("ts_ms", "channel", "log_offset")
        self._direction = direction
        if wanted.user is not None:
            self._where("m.username = {}", wanted.user)
            self._where(_LATER_THAN_USER, wanted.user)
        if wanted.channel is not None:
            self._where("m.channel = {}", wanted.channel)
            self._where(_LATER_THAN_CHANNEL, wanted.channel)
        if wanted.before_ms is not None:
            self._where("m.ts_ms < {}", wanted.before_ms)
        if wanted.after_ms is not None:
            self._where("m.ts_ms > {}", wanted.after_ms)
        if place is not None:
            self._begin(place)

    def first(self, limit: int) -> Statement:
        """The first `limit` of them."""
        return self._statement(f"{self._visible(_COLUMNS)} AND {_NOT_ENDED} {self._ordered} LIMIT {{}}", limit)

    def of_id(self, id_: str) -> Statement:
        """The one with this id."""
        return self._statement(f"{self._visible(_COLUMNS)} AND {_NOT_ENDED} AND m.id = {{}}", id_)

    def reach(self, rows: int) -> Statement:
        """The key of the last of the first `rows`, seen or hidden; nothing where there are fewer."""
        key = "m.ts_ms, m.channel, m.log_offset"
        return self._statement(f"{self._visible(key)} {self._ordered} OFFSET {{}} LIMIT 1", rows - 1)

    def near(self, rows: int, tsquery: str, parts: Sequence[str], limit: int) -> Statement:
        """The first `limit` that match, among the first `rows`: these are walked, and none is left out or sorted.

        `parts`: what every text that matches contains, in lower case.
        """
        walked = f"{self._visible('m.*')} {self._ordered} LIMIT {{}}"
        conditions = " AND ".join([_MATCHES, *[_CONTAINS] * len(parts), _NOT_ENDED])
        found = _AMONG.format(columns=_COLUMNS, rows=walked, conditions=conditions)
        return self._statement(f"{found} {self._ordered} LIMIT {{}}", rows, tsquery, *parts, limit)

    def all_matching(self, tsquery: str, limit: int) -> Statement:
        """The first `limit` that match, of all that do: these are found by the index of words, and sorted."""
        # OFFSET 0 keeps the planner from a walk of all messages in the hope of meeting enough.
        matching = f"{self._visible('m.*')} AND {_MATCHES} OFFSET 0"
        found = _AMONG.format(columns=_COLUMNS, rows=matching, conditions=_NOT_ENDED)
        return self._statement(f"{found} {self._ordered} LIMIT {{}}", tsquery, limit)

    def _begin(self, place: HistoryKey) -> None:
        compared = "<" if self._direction is Direction.NEWEST_FIRST else ">="
        columns = ", ".join(f"m.{column}" for column in self._order)
        values = [place.ts_ms, *([place.channel] if "channel" in self._order else []), place.offset]
        self._where(f"({columns}) {compared} ({', '.join(['{}'] * len(values))})", *values)

    def _where(self, condition: str, *values: Any) -> None:
        self._conditions.append(self._numbered(condition, *values))

    def _visible(self, columns: str) -> str:
        conditions = ("m.generation = $1", "m.visible", *self._conditions)
        return _VISIBLE.format(columns=columns, conditions=" AND ".join(conditions))

    @property
    def _ordered(self) -> str:
        return "ORDER BY " + ", ".join(f"m.{column} {self._direction.value}" for column in self._order)

    def _statement(self, text: str, *values: Any) -> Statement:
        held = len(self._arguments)
        numbered = text.format(*(f"${number}" for number in range(held + 1, held + len(values) + 1)))
        return (numbered, *self._arguments, *values)

    def _numbered(self, condition: str, *values: Any) -> str:
        first = len(self._arguments) + 1
        self._arguments += values
        return condition.format(*(f"${number}" for number in range(first, first + len(values))))


def _is_one_channel(wanted: HistoryFilter) -> bool:
    return wanted.channel is not None and wanted.user is None
