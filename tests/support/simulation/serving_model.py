"""serving.lua in Python: the same calls, the same answers. A test holds it against the original.

Only what environments decide comes from outside: the time, the server's run id, and the constants that tests shrink.
"""

import copy
from collections.abc import Callable
from math import inf
from operator import ge, le
from typing import Any, Final, NamedTuple

import msgspec

from livestream.deltas import Batch, MessageRow, NameRow, RemovedName, Totals, UserShare

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_batch: Final = msgspec.msgpack.Decoder(Batch).decode
_decode_positions: Final = msgspec.msgpack.Decoder(list[tuple[int, int, int, int, int, int, int]]).decode
_decode_reports: Final = msgspec.msgpack.Decoder(list[list[int]]).decode
_STAGED: Final = {
    "messages": msgspec.msgpack.Decoder(list[MessageRow]).decode,
    "channels": msgspec.msgpack.Decoder(list[NameRow]).decode,
    "shares": msgspec.msgpack.Decoder(list[UserShare]).decode,
    "ended": msgspec.msgpack.Decoder(list[RemovedName]).decode,
}

Order = tuple[int, str]
# The next offsets of messages.v1 and users.v1, messages, channels, recounts, and channels that are recounted still.
Position = tuple[int, int, int, int, int, int]


class Constants(NamedTuple):
    """Those of serving.lua, small: what takes ten minutes or a thousand messages there happens within one history."""

    KEPT_MESSAGES: int = 10
    FEW_MESSAGES: int = 9
    RETAINED_MS: int = 4_000
    MARK_EVERY_MS: int = 500
    ERASE_AFTER_MS: int = 1_000
    ACTIVITY_STEP_MS: int = 500
    ACTIVITY_KEPT_MS: int = 3_000


class Names:
    """Channels or users: rows by name, in whatever order they are asked for."""

    def __init__(self) -> None:
        self.rows: dict[str, NameRow] = {}

    def put(self, row: NameRow) -> bool:
        """Whether its count fell."""
        before = self.rows.get(row.name)
        if row.messages > 0:
            self.rows[row.name] = row
        elif before:
            del self.rows[row.name]
        return before is not None and before.messages > row.messages

    def ordered(self, order: str) -> list[tuple[int, str]]:
        """(score, name), as the sorted sets have them."""
        scores: dict[str, Callable[[NameRow], int]] = {
            "messages": lambda row: -row.messages,
            "last": lambda row: -row.last_ms,
            "name": lambda _: 0,
        }
        return sorted((scores[order](row), name) for name, row in self.rows.items())


class Epoch:
    """The keys below `{livestream}:<epoch>:`."""

    def __init__(self) -> None:
        self.messages: dict[str, MessageRow] = {}
        self.floor: Order | None = None
        self.names = {"channels": Names(), "users": Names()}
        self.shares: dict[str, dict[int, UserShare]] = {}
        self.ended: dict[str, int] = {}
        self.deltas: list[tuple[int, dict[bytes, bytes]]] = []
        self.marks: dict[int, int] = {}
        self.erasures: dict[int, int] = {}
        self.activity: dict[int, int] = {}
        self.staged = 0

    def newest(self, count: int) -> list[MessageRow]:
        return sorted(self.messages.values(), key=_order)[-count:] if count else []

    def put_messages(self, rows: list[MessageRow], kept: int) -> None:
        for row in rows:
            if self.floor is None or _order(row) >= self.floor:
                self.messages[row.member] = row
        if len(self.messages) >= kept:
            self.messages = {row.member: row for row in self.newest(kept)}
            self.floor = min(map(_order, self.messages.values()))

    def drop_messages_of(self, field: str, removals: list[RemovedName]) -> None:
        up_to = _latest(removals)
        self.messages = {
            member: row
            for member, row in self.messages.items()
            if row.ts_ms > up_to.get(getattr(row, field), -inf)
        }  # fmt: skip

    def end_users(self, removals: list[RemovedName]) -> None:
        for name, up_to_ms in _latest(removals).items():
            self.ended[name] = max(self.ended.get(name, up_to_ms), up_to_ms)

    def put_shares(self, shares: list[UserShare]) -> tuple[list[NameRow], bool]:
        """The merged rows of those users, and whether any count fell."""
        for share in shares:
            self.shares.setdefault(share.name, {})[share.partition] = share
        rows = [
            _merged(name, list(self.shares[name].values())) for name in dict.fromkeys(share.name for share in shares)
        ]
        fell = [self.names["users"].put(row) for row in rows]
        return rows, any(fell)

    def mark(self, sequence: int, now: int, every_ms: int) -> None:
        newest = max(self.marks.items(), default=None, key=lambda mark: (mark[1], str(mark[0])))
        if newest is None or not (newest[0] == sequence or now - newest[1] < every_ms):
            self.marks[sequence] = now

    def count_activity(self, now: int, messages: int, step_ms: int) -> None:
        self.activity[now // step_ms] = self.activity.get(now // step_ms, 0) + messages

    def trim_activity(self, oldest_ms: int, step_ms: int) -> None:
        self.activity = {step: count for step, count in self.activity.items() if step >= oldest_ms // step_ms}

    def trim(self, now: int, retained_ms: int) -> None:
        for marks, due in ((self.marks, now - retained_ms), (self.erasures, now)):
            passed = [(at, str(sequence), sequence) for sequence, at in marks.items() if at <= due]
            if passed:
                newest = max(passed)[2]
                self.deltas = [delta for delta in self.deltas if delta[0] >= newest]
                for _, _, sequence in passed:
                    del marks[sequence]


class ServingModel:
    """One server. `run_id` is what it says of itself; an epoch belongs to one run."""

    def __init__(self, now_ms: Callable[[], int], constants: Constants) -> None:
        self.run_id = "0"
        self._now_ms = now_ms
        self._constants = constants
        self._functions: dict[str, Callable[..., Any]] = {
            name: getattr(self, f"_{name}")
            for name in ("publish", "stage", "switch", "windows", "names", "page", "report", "activity", "status")
        }
        self.flush()

    def flush(self) -> None:
        """FLUSHALL."""
        self._epochs: dict[str, Epoch] = {}
        self._epoch, self._generation, self._sequence, self._partitions = "", "", 0, 0
        self._of_run = ""
        self._positions: dict[int, Position] = {}
        self._progress: dict[int, list[int]] = {}
        self._rebuild = b""

    def copy(self) -> Any:
        """All data, to be restored later."""
        held = {name: value for name, value in vars(self).items() if name not in _NO_DATA}
        return copy.deepcopy(held)

    def restore(self, data: Any) -> None:
        vars(self).update(copy.deepcopy(data))

    def fcall(self, function: str, arguments: tuple[Any, ...]) -> Any:
        """A call of a Function, by its name without its version."""
        return self._functions[function](*arguments)

    def entries(self, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """A delta log, whole: what XRANGE answers."""
        epoch = self._epochs.get(key.split(":")[1])
        return [(b"%d-0" % sequence, fields) for sequence, fields in epoch.deltas] if epoch else []

    def _publish(self, encoded: bytes, generation: int, traces: bytes = b"") -> list[Any]:
        if not self._is_loaded():
            return [b"no-epoch"]
        if self._generation != str(generation):
            return [b"generation"]
        batch = _decode_batch(encoded)
        verdict = self._continuity(batch)
        if verdict == b"duplicate":
            return [verdict, self._epoch.encode(), self._sequence]
        if verdict != b"apply":
            return [verdict]
        epoch, now, constants = self._epochs[self._epoch], self._now_ms(), self._constants
        shrinks = bool(batch.removed_messages or batch.removed_channels or batch.removed_users)
        for removed in batch.removed_messages:
            epoch.messages.pop(removed.member, None)
        epoch.drop_messages_of("channel", batch.removed_channels)
        epoch.drop_messages_of("user", batch.removed_users)
        epoch.end_users(batch.removed_users)
        hidden = [row.member for row in batch.messages if row.ts_ms <= epoch.ended.get(row.user, -inf)]
        epoch.put_messages([row for row in batch.messages if row.member not in hidden], constants.KEPT_MESSAGES)
        for row in batch.channels:
            shrinks = epoch.names["channels"].put(row) or shrinks
        users, fell = epoch.put_shares(batch.user_shares)
        came = 0
        for step in batch.positions:
            came += max(0, step.total_messages - self._positions.get(step.partition, (0,) * 6)[2])
            held = (step.messages_to, step.users_to, step.total_messages, step.total_channels)
            self._positions[step.partition] = (*held, step.recounts_to, step.recounting)
        self._sequence += 1
        fields = {
            b"batch": encoded,
            b"users": _encode(users),
            b"totals": _encode(self._totals()),
            b"as_of": b"%d" % now,
            b"shrinks": b"1" if shrinks or fell else b"0",
            b"hidden": _encode(hidden),
            b"traces": traces,
        }
        epoch.deltas.append((self._sequence, fields))
        epoch.mark(self._sequence, now, constants.MARK_EVERY_MS)
        epoch.count_activity(now, came, constants.ACTIVITY_STEP_MS)
        if batch.removed_users:
            epoch.erasures[self._sequence] = now + constants.ERASE_AFTER_MS
        return [b"few" if shrinks and self._is_worn() else b"ok", self._epoch.encode(), self._sequence]

    def _continuity(self, batch: Batch) -> bytes:
        fresh = held = 0
        for step in batch.positions:
            messages, users, _, _, recounts, _ = self._positions.get(step.partition, (0,) * 6)
            at = (messages, users, recounts)
            begin = (step.messages_from, step.users_from, step.recounts_from)
            end = (step.messages_to, step.users_to, step.recounts_to)
            if all(map(le, end, at)):
                held += 1
            elif begin == at:
                fresh += 1
            elif all(map(ge, begin, at)):
                return b"behind"
            else:
                return b"conflict"
        if not fresh:
            return b"duplicate"
        return b"conflict" if held else b"apply"

    def _stage(self, name: str, kind: str, encoded: bytes) -> bytes:
        epoch: Epoch = self._epochs.setdefault(name, Epoch())
        rows: Any = _STAGED[kind](encoded)
        if kind == "messages":
            epoch.put_messages(rows, self._constants.KEPT_MESSAGES)
        elif kind == "channels":
            for row in rows:
                epoch.names["channels"].put(row)
        elif kind == "shares":
            epoch.put_shares(rows)
        else:
            epoch.end_users(rows)
        epoch.staged += 1
        return b"ok"

    def _switch(self, name: str, generation: int, partitions: int, encoded: bytes, replaces: str, staged: int) -> bytes:
        if (self._epoch if self._is_loaded() else "") != replaces:
            return b"superseded"
        if (self._epochs[name].staged if name in self._epochs else 0) != staged:
            return b"lost"
        before = self._epochs.pop(self._epoch, None)
        epoch = self._epochs.setdefault(name, Epoch())
        if before and self._epoch != name:
            epoch.activity = before.activity
        self._epoch, self._generation, self._partitions, self._sequence = name, str(generation), partitions, 0
        self._of_run = self.run_id
        self._positions = {partition: (*at,) for partition, *at in _decode_positions(encoded)}  # type: ignore[misc]
        return b"ok"

    def _windows(self, messages: int, channels: int, users: int) -> Any:
        if not self._is_loaded():
            return None
        epoch = self._epochs[self._epoch]
        if len(epoch.messages) < messages <= self._constants.FEW_MESSAGES and self._is_worn():
            return None
        tops = [
            [_encode(names.rows[name]) for _, name in names.ordered("messages")[:limit]]
            for names, limit in ((epoch.names["channels"], channels), (epoch.names["users"], users))
        ]
        return [self._stand(), [_encode(row) for row in epoch.newest(messages)], *tops]

    def _names(self, kind: str, *wanted: str) -> Any:
        if not self._is_loaded():
            return None
        rows = self._epochs[self._epoch].names[kind].rows
        return [self._stand(), [_encode(rows[name]) if name in rows else b"" for name in wanted]]

    def _page(self, kind: str, order: str, limit: int, score: str = "", name: str = "") -> Any:
        if not self._is_loaded():
            return None
        names = self._epochs[self._epoch].names[kind]
        rows = names.ordered(order)
        if name:
            rows = [row for row in rows if row > (int(score), name)]
        last = str(rows[:limit][-1][0]).encode() if rows[:limit] else b""
        return [self._stand(), [_encode(names.rows[name]) for _, name in rows[:limit]], last]

    def _report(self, encoded: bytes) -> bytes:
        now = self._now_ms()
        for line in _decode_reports(encoded):
            line[5] = now
            self._progress[line[0]] = line
        if not self._is_loaded():
            return b"no-epoch"
        epoch = self._epochs[self._epoch]
        epoch.mark(self._sequence, now, self._constants.MARK_EVERY_MS)
        epoch.trim(now, self._constants.RETAINED_MS)
        epoch.count_activity(now, 0, self._constants.ACTIVITY_STEP_MS)
        epoch.trim_activity(now - self._constants.ACTIVITY_KEPT_MS, self._constants.ACTIVITY_STEP_MS)
        return b"ok"

    def _activity(self) -> Any:
        if not self._is_loaded():
            return None
        counts = self._epochs[self._epoch].activity
        flat = [b"%d" % number for step_and_count in counts.items() for number in step_and_count]
        return [b"%d" % self._now_ms(), self._totals().messages, self._constants.ACTIVITY_STEP_MS, flat]

    def _status(self) -> list[Any]:
        reports = [_encode(line) for line in self._progress.values()]
        now = b"%d" % self._now_ms()
        if not self._is_loaded():
            return [now, b"", b"0", b"0", b"0", b"", self._rebuild, reports, b""]
        newest = self._epochs[self._epoch].names["channels"].ordered("last")
        stands = [self._epoch, str(self._sequence), self._generation, str(self._partitions)]
        return [
            now, *(each.encode() for each in stands), b"%d" % -newest[0][0] if newest else b"", self._rebuild, reports,
            b"1" if self._is_worn() else b"",
        ]  # fmt: skip

    def _is_loaded(self) -> bool:
        return bool(self._epoch) and self._of_run == self.run_id

    def _is_worn(self) -> bool:
        epoch = self._epochs[self._epoch]
        return len(epoch.messages) < self._constants.FEW_MESSAGES and epoch.floor is not None

    def _totals(self) -> Totals:
        messages, channels = (sum(at[index] for at in self._positions.values()) for index in (2, 3))
        return Totals(messages, channels, len(self._epochs[self._epoch].names["users"].rows))

    def _stand(self) -> list[bytes]:
        positions = [(partition, *at[:2], *at[4:]) for partition, at in self._positions.items()]
        texts = [self._epoch, self._generation, str(self._sequence), str(self._now_ms())]
        return [*(text.encode() for text in texts), _encode(self._totals()), _encode(positions)]


_NO_DATA: Final = frozenset({"run_id", "_now_ms", "_constants", "_functions"})


def _order(row: MessageRow) -> Order:
    return (row.ts_ms, row.member)


def _latest(removals: list[RemovedName]) -> dict[str, int]:
    latest: dict[str, int] = {}
    for removal in removals:
        latest[removal.name] = max(latest.get(removal.name, removal.up_to_ms), removal.up_to_ms)
    return latest


def _merged(name: str, shares: list[UserShare]) -> NameRow:
    counted = [share.last_ms for share in shares if share.messages > 0]
    display = max(shares, key=lambda share: (share.display_ts_ms, share.display_channel, share.display_offset))
    messages = sum(share.messages for share in shares)
    return NameRow(name, display.display_name, messages, max(counted or [share.last_ms for share in shares]))
