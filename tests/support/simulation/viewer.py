"""A browser: it follows some views, is cut off, comes back with its cursor, and checks what it is told."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from livestream.cursor import Cursor
from livestream.frames import View
from livestream_auditor.sse import EventParser, ServerSentEvent
from tests.support.folding_client import FoldingClient
from tests.support.simulation.gateway_process import Gateway, SimulatedConnection
from tests.support.simulation.world import World

# What a viewer is told at its first visit, and what may be said to one that comes back.
_FIRST = frozenset({"start"})
_LATER = frozenset({"epoch", "evicted", "behind", "slow"})


class Seen(NamedTuple):
    """What a viewer showed at a position that the stream said to be complete."""

    cursor: Cursor
    windows: dict[View, dict[str, Any]]


class Viewer:
    """`choose` gives a gateway to connect to, if there is one.

    `kept` is what a client keeps as history that drops nothing by itself, of what it was told in and after the last
    snapshot of each view; `since` says at which position that snapshot was complete.
    """

    def __init__(self, world: World, name: str, views: Sequence[View], choose: Callable[[], Gateway | None]) -> None:
        self.name = name
        self.views = views
        self.seen: list[Seen] = []
        self.since: dict[View, Cursor] = {}
        self.kept = {view: FoldingClient(view, tidy=False) for view in views}
        self.connection: SimulatedConnection | None = None
        self._world = world
        self._choose = choose
        self._shown = {view: FoldingClient(view) for view in views}
        self._parser = EventParser()
        self._told_anew: set[View] = set()
        self._last_visit_id = ""

    @property
    def cursor(self) -> Cursor | None:
        return self.seen[-1].cursor if self.seen else None

    def connect(self) -> None:
        """Now, or a moment later where nobody answers; again and again."""
        gateway = self._choose()
        if gateway is None:
            self._world.after(0.1, self.connect)
            return
        # Bytes of an event that was cut are void.
        self._parser = EventParser(self._parser.last_event_id)
        self._last_visit_id = self._parser.last_event_id
        self._world.note(self.name, f"connects to {gateway.process.name} with {self._last_visit_id!r}")
        connection = self.connection = SimulatedConnection(gateway, self._take)
        self._world.after(self._world.random.uniform(0.001, 0.05), lambda: self._reach(gateway, connection))

    def _reach(self, gateway: Gateway, connection: SimulatedConnection) -> None:
        if gateway.process.is_alive:
            gateway.connect(connection, self.views, self._last_visit_id)
        self._look_after(connection)

    def _look_after(self, connection: SimulatedConnection) -> None:
        """A browser notices that its connection is gone, and returns."""
        if connection is not self.connection:
            return
        if connection.is_open:
            self._world.after(0.25, lambda: self._look_after(connection))
        else:
            self.connect()

    def _take(self, connection: SimulatedConnection, content: bytes) -> None:
        if connection is self.connection:
            for event in self._parser.feed(content):
                self._take_event(event)

    def _take_event(self, event: ServerSentEvent) -> None:
        if event.event != "status":
            self._fold(event.event, msgspec.json.decode(event.data))
        if event.has_id:
            self._complete(Cursor.parse(event.id), is_frame=event.event != "status")

    def _fold(self, event: str, data: dict[str, Any]) -> None:
        view = View.parse(data["view"])
        if event == "snapshot":
            allowed = _LATER if self._last_visit_id or self.seen else _FIRST
            assert data["reason"] in allowed, f"{self.name} is told {data['reason']} after {self._last_visit_id!r}"
            self._told_anew.add(view)
        self._shown[view].apply(event, data)
        self.kept[view].apply(event, data)

    def _complete(self, cursor: Cursor | None, *, is_frame: bool) -> None:
        assert cursor is not None, f"{self.name} got a cursor that is none"
        before = self.cursor
        if before and before.epoch == cursor.epoch:
            assert before.sequence <= cursor.sequence, f"{self.name}: the cursor fell from {before} to {cursor}"
        elif before:
            assert self._told_anew == set(self.views), f"{self.name}: {before} became {cursor} without snapshots"
        self.since |= dict.fromkeys(self._told_anew, cursor)
        self._told_anew.clear()
        if is_frame or cursor != before:
            self._world.note(self.name, f"is at {cursor}")
            self.seen.append(Seen(cursor, {view: client.window() for view, client in self._shown.items()}))
