"""Rows in the form in which both sides are compared, so that a difference reads well."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from livestream import times
from livestream_auditor.verify.findings import Section
from livestream_auditor.witness import MessageFacts, NameTally, ReadModel, text_digest


class MessageSeen(NamedTuple):
    """A message as anybody shows it; the text as its digest in hex. `id` is not compared: the log is kept without."""

    channel: str
    offset: int
    user: str
    ts: str
    text_digest: str
    edited_at: str | None

    @property
    def key(self) -> tuple[str, int]:
        return (self.channel, self.offset)


class NameSeen(NamedTuple):
    """A channel or user as anybody shows it."""

    messages: int
    last_message_at: str
    display_name: str


class MessageJson(msgspec.Struct, frozen=True):
    """A message as frames, Redis and the API carry it."""

    id: str
    channel: str
    user: str
    ts: str
    text: str
    offset: int
    edited_at: str | None = None

    def seen(self) -> MessageSeen:
        return MessageSeen(self.channel, self.offset, self.user, self.ts, text_digest(self.text).hex(), self.edited_at)


def message_expected(message: MessageFacts) -> MessageSeen:
    return MessageSeen(
        message.channel,
        message.offset,
        message.user,
        times.format_ms(message.ts_ms),
        message.shown_text.hex(),
        times.format_ms(message.edit.ts_ms) if message.edit else None,
    )


def messages_expected(messages: Iterable[MessageFacts]) -> Iterator[tuple[tuple[str, int], MessageSeen]]:
    """In their order, by what names them on both sides."""
    return ((seen.key, seen) for seen in map(message_expected, messages))


def messages_seen(messages: Iterable[MessageJson]) -> Iterator[tuple[tuple[str, int], MessageSeen]]:
    """The same for messages that were read."""
    return ((seen.key, seen) for seen in (message.seen() for message in messages))


def check_newest(section: Section, kind: str, model: ReadModel, rows: Sequence[MessageJson], count: int) -> None:
    """`rows`, oldest first, have to be the newest `count` that are shown; of a sample's, as many as are among them."""
    sampled = [row for row in rows if row.channel in model.sample]
    expected = model.newest(count if model.sample.is_whole else len(sampled))
    section.check_ranked(kind, messages_expected(expected), messages_seen(sampled))


def name_expected(tally: NameTally) -> NameSeen:
    return NameSeen(tally.messages, times.format_ms(tally.last_ms), tally.display_name)
