"""An oracle: chat as the contract's section 2 tells it, in the plainest way, with every state it went through.

One partition; what happened becomes the `Batch` that a projector would publish and the `Delta` that followers read.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from livestream.deltas import (
    Batch,
    Delta,
    MessageKey,
    MessageRow,
    NameRow,
    PositionStep,
    RemovedMessage,
    RemovedName,
    Totals,
    UserShare,
    member_of,
    message_row,
)
from livestream.frames import View, ViewKind, Window
from livestream.times import format_ms

NEVER_MS = -(2**62)


class Post(NamedTuple):
    channel: str
    id: str
    user: str
    ts_ms: int
    append_ms: int
    text: str = "text"
    channel_display_name: str = ""


class Edit(NamedTuple):
    channel: str
    id: str
    text: str


class DeleteMessage(NamedTuple):
    channel: str
    id: str


class DeleteChannel(NamedTuple):
    channel: str
    time_ms: int


class DeleteUser(NamedTuple):
    user: str
    time_ms: int


Happening = Post | Edit | DeleteMessage | DeleteChannel | DeleteUser


@dataclass
class Message:
    post: Post
    offset: int
    text: str
    edited_ms: int | None = None

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.post.channel, self.post.id)

    @property
    def time_ms(self) -> int:
        return min(self.post.ts_ms, self.post.append_ms)

    @property
    def order(self) -> tuple[int, str, int]:
        return (self.post.ts_ms, self.post.channel, self.offset)

    def row(self) -> MessageRow:
        return message_row(
            channel=self.post.channel, id_=self.post.id, user=self.post.user, ts_ms=self.post.ts_ms,
            append_ms=self.post.append_ms, offset=self.offset, text=self.text, edited_ts_ms=self.edited_ms,
        )  # fmt: skip


@dataclass
class Chat:
    """All that is visible, and what has to be remembered of what is not."""

    offset: int = 0
    users_offset: int = 0
    messages: dict[MessageKey, Message] = field(default_factory=dict)
    seen: set[MessageKey] = field(default_factory=set)
    deleted_channels: dict[str, int] = field(default_factory=dict)
    deleted_users: dict[str, int] = field(default_factory=dict)
    last_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    display_names: dict[str, tuple[tuple[int, str, int], str]] = field(default_factory=dict)

    def apply(self, happenings: Iterable[Happening]) -> Batch:
        """Let it all happen in one batch. What makes no sense, as a repeat, has no effect."""
        before = self.copy()
        removed_channels: list[RemovedName] = []
        removed_users: list[RemovedName] = []
        touched: set[tuple[str, str]] = set()
        for happening in happenings:
            match happening:
                case DeleteUser(user, time_ms):
                    self.users_offset += 1
                    if time_ms > self.deleted_users.get(user, NEVER_MS):
                        self.deleted_users[user] = time_ms
                        removed_users.append(RemovedName(user, time_ms))
                        touched.add(("users", user))
                        self._hide(lambda m, user=user, time_ms=time_ms: m.post.user == user and m.time_ms <= time_ms)
                case DeleteChannel(channel, time_ms):
                    self.offset += 1
                    if time_ms > self.deleted_channels.get(channel, NEVER_MS):
                        self.deleted_channels[channel] = time_ms
                        self.display_names.pop(channel, None)
                        removed_channels.append(RemovedName(channel, time_ms))
                        touched.add(("channels", channel))
                        self._hide(lambda m, c=channel, time_ms=time_ms: m.post.channel == c and m.time_ms <= time_ms)
                case _:
                    self._one(happening)
                    self.offset += 1
        self._remember_newest()
        return self._batch(before, removed_channels, removed_users, touched)

    def _one(self, happening: Post | Edit | DeleteMessage) -> None:
        key = MessageKey(happening.channel, happening.id)
        if isinstance(happening, DeleteMessage):
            self.messages.pop(key, None)
            self.seen.add(key)
        elif isinstance(happening, Edit):
            if key in self.messages:
                message = self.messages[key]
                message.text, message.edited_ms = happening.text, message.post.ts_ms + self.offset
        elif key not in self.seen:
            self.seen.add(key)
            message = Message(happening, self.offset, happening.text)
            gone_ms = max(
                self.deleted_channels.get(happening.channel, NEVER_MS), self.deleted_users.get(happening.user, NEVER_MS)
            )
            if message.time_ms > gone_ms:
                self.messages[key] = message
                held = self.display_names.get(happening.channel)
                if happening.channel_display_name and (held is None or message.order > held[0]):
                    self.display_names[happening.channel] = (message.order, happening.channel_display_name)

    def _hide(self, reaches: Any) -> None:
        self.messages = {key: message for key, message in self.messages.items() if not reaches(message)}

    def _remember_newest(self) -> None:
        for kind in ("channels", "users"):
            for row in self.names(kind):
                self.last_ms[kind, row.name] = row.last_ms

    def names(self, kind: str) -> list[NameRow]:
        """Channels or users with at least one visible message, most first."""
        counts: dict[str, list[int]] = {}
        for message in self.messages.values():
            counts.setdefault(message.post.channel if kind == "channels" else message.post.user, []).append(
                message.post.ts_ms
            )
        rows = [NameRow(name, self._display(kind, name), len(times), max(times)) for name, times in counts.items()]
        return sorted(rows, key=lambda row: (-row.messages, row.name))

    def shares(self) -> list[UserShare]:
        """What the one partition contributes to every user's row: all of it."""
        return [_share(row) for row in self.names("users")]

    def copy(self) -> "Chat":
        return copy.deepcopy(self)

    def totals(self) -> Totals:
        return Totals(len(self.messages), len(self.names("channels")), len(self.names("users")))

    def newest(self, view: View) -> list[Message]:
        """All messages of a view in display order."""
        wanted = (
            message
            for message in self.messages.values()
            if (view.kind is not ViewKind.CHANNEL or message.post.channel == view.name)
            and (view.kind is not ViewKind.USER or message.post.user == view.name)
        )
        return sorted(wanted, key=lambda message: message.order)

    def window(self, view: View, sequence: int) -> Window:
        """As a fresh read would give it."""
        limits = view.limits
        channels = [row for row in self.names("channels") if not view.name or row.name == view.name]
        users = [row for row in self.names("users") if not view.name or row.name == view.name]
        messages = [message.row() for message in self.newest(view)]
        return Window(
            view, sequence, self.totals(), messages[-limits.messages :] if limits.messages else [],
            channels[: limits.channels], users[: limits.users],
        )  # fmt: skip

    def expected(self, view: View) -> dict[str, Any]:
        """What a client of the view holds, as the contract's section 4 says, in JSON's terms."""
        limits = view.limits
        expected: dict[str, Any] = {}
        if not view.name:
            totals = self.totals()
            expected["totals"] = {
                "messages": totals.messages, "channels": totals.channels, "users": totals.users
            }  # fmt: skip
        if limits.messages:
            expected["messages"] = [
                msgspec.json.decode(message.row().json) for message in self.newest(view)[-limits.messages :]
            ]
        for kind, limit in (("channels", limits.channels), ("users", limits.users)):
            if limit:
                rows = [row for row in self.names(kind) if not view.name or row.name == view.name][:limit]
                expected[kind] = [_json(row) for row in rows]
                if view.name and not rows:
                    expected[kind] = [{"name": view.name, "messages": 0}]
        return expected

    def _display(self, kind: str, name: str) -> str:
        return self.display_names.get(name, ((0, "", 0), ""))[1] if kind == "channels" else ""

    def _batch(
        self, before: "Chat", removed_channels: list[RemovedName], removed_users: list[RemovedName],
        touched: set[tuple[str, str]],
    ) -> Batch:  # fmt: skip
        gone = [message for key, message in before.messages.items() if key not in self.messages]
        changed = [m for key, m in self.messages.items() if before.messages.get(key) != m]
        rows = {kind: self._changed_rows(kind, before, touched) for kind in ("channels", "users")}
        return Batch(
            positions=[
                PositionStep(
                    0, before.offset, self.offset, before.users_offset, self.users_offset, len(self.messages),
                    len(self.names("channels")),
                )
            ],
            messages=[message.row() for message in changed],
            removed_messages=[
                RemovedMessage(m.post.channel, m.post.id, m.post.user, member_of(m.post.channel, m.offset))
                for m in gone
                if not _told_by_name(m, removed_channels, removed_users)
            ],
            removed_channels=removed_channels,
            removed_users=removed_users,
            channels=rows["channels"],
            user_shares=[_share(row) for row in rows["users"]],
        )  # fmt: skip

    def _changed_rows(self, kind: str, before: "Chat", touched: set[tuple[str, str]]) -> list[NameRow]:
        now = {row.name: row for row in self.names(kind)}
        then = {row.name: row for row in before.names(kind)}
        named = {name for touched_kind, name in touched if touched_kind == kind}
        changed = {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)} | named
        return [
            now.get(name) or NameRow(name, "", 0, self.last_ms.get((kind, name), NEVER_MS)) for name in sorted(changed)
        ]


def _told_by_name(message: Message, channels: list[RemovedName], users: list[RemovedName]) -> bool:
    """Whether a client can tell by the removal of its channel or user that a message is gone: by its `ts`."""
    return any(message.post.channel == r.name and message.post.ts_ms <= r.up_to_ms for r in channels) or any(
        message.post.user == r.name and message.post.ts_ms <= r.up_to_ms for r in users
    )


def _share(row: NameRow) -> UserShare:
    return UserShare(0, row.name, row.messages, row.last_ms, "", NEVER_MS, "", -1)


def _json(row: NameRow) -> dict[str, Any]:
    display = {"display_name": row.display_name} if row.display_name else {}
    return {"name": row.name, **display, "messages": row.messages, "last_message_at": format_ms(row.last_ms)}


class Recorded(NamedTuple):
    """Every state of a chat, and the deltas between them: `states[n]` is the one at sequence n."""

    states: list[Chat]
    deltas: list[Delta]


def record(batches: Iterable[Iterable[Happening]], start: Chat | None = None) -> Recorded:
    """Let batches happen one after the other, as Redis would number them."""
    states, deltas = [start or Chat()], []
    for sequence, happenings in enumerate(batches, 1):
        chat = states[-1].copy()
        batch = chat.apply(happenings)
        deltas.append(delta_of(batch, states[-1], chat, sequence))
        states.append(chat)
    return Recorded(states, deltas)


def delta_of(batch: Batch, before: Chat, after: Chat, sequence: int) -> Delta:
    """What serving.lua makes of a batch."""
    users = [NameRow(share.name, "", share.messages, share.last_ms) for share in batch.user_shares]
    counts = {("channels", row.name): row.messages for row in before.names("channels")}
    counts |= {("users", row.name): row.messages for row in before.names("users")}
    fell = any(row.messages < counts.get(("channels", row.name), 0) for row in batch.channels) or any(
        row.messages < counts.get(("users", row.name), 0) for row in users
    )
    return Delta(
        sequence=sequence,
        as_of_ms=sequence * 1000,
        totals=after.totals(),
        shrinks=bool(batch.removed_messages or batch.removed_channels or batch.removed_users or fell),
        positions={0: (after.offset, after.users_offset)},
        messages=batch.messages,
        removed_messages=batch.removed_messages,
        removed_channels=batch.removed_channels,
        removed_users=batch.removed_users,
        channels=batch.channels,
        users=users,
        size_bytes=100,
    )
