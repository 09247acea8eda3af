"""asyncpg's pool, as far as the outbox, the loader and the history use it, on the simulated database."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from livestream.fold import NEVER_MS, MessageState, UserKey
from livestream_projector import loader
from tests.support.memory_store import MemoryStore
from tests.support.simulation.database import Database, Session
from tests.support.simulation.servers import Reply
from tests.support.simulation.world import Process

_CONDITION: Final = re.compile(r"m\.(username|channel) = \$(\d+)")


class SimulatedPool:
    """Connections of one process."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database = database
        self._process = process

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["_Connection"]:
        session = self._database.open(self._process)
        try:
            yield _Connection(session)
        finally:
            session.close()


class _Connection:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._database = session.database

    @asynccontextmanager
    async def transaction(self, *, isolation: str = "read_committed", readonly: bool = False) -> AsyncIterator[None]:
        assert (isolation == "repeatable_read") == readonly
        self._session.begin(with_view=readonly)
        try:
            yield
        finally:
            self._session.end()

    async def execute(self, query: str, *arguments: Any) -> Any:
        return await self._session.run(lambda reply: self._answer(query, arguments, reply))

    fetch = fetchval = execute

    async def cursor(self, query: str, *arguments: Any, prefetch: int) -> AsyncIterator[Any]:
        assert prefetch
        for row in await self.execute(query, *arguments):
            yield row

    def terminate(self) -> None:
        self._session.terminate()

    def _answer(self, query: str, arguments: tuple[Any, ...], reply: Reply) -> None:
        """The statements that there are, known by their beginnings."""
        outbox, text = self._database.outbox, " ".join(query.split())
        if text.startswith("SELECT pg_advisory_xact_lock("):
            self._database.lock(arguments[0], self._session, reply)
        elif text.startswith("SELECT pg_try_advisory_xact_lock_shared("):
            reply(self._database.try_share(arguments[0], self._session))
        elif text.startswith("DELETE FROM outbox"):
            for outbox_id in arguments[0]:
                outbox.pop(outbox_id, None)
            reply(None)
        elif text.startswith("SELECT id, batch FROM outbox"):
            _, behind, limit = arguments
            rows = [{"id": at, "batch": outbox[at]} for at in sorted(outbox) if at > behind]
            reply(rows[:limit])
        elif text.startswith("SELECT state FROM generations"):
            reply("live")
        elif text == "SELECT 1":
            reply(None)
        else:
            reply(_select(self._session.view or self._database.read, query, arguments))


def _select(read: MemoryStore, query: str, arguments: tuple[Any, ...]) -> list[Any]:
    """A statement that reads the tables of the fold."""
    match query:
        case loader._CHANNELS:
            return [(n, c.display.name, c.messages, c.last_ms) for n, c in read.channels.items() if c.messages]
        case loader._SHARES:
            return sorted(_shares(read), key=lambda share: (share[1], share[0]))
        case loader._ENDED:
            return [(user, deleted_ms) for user, deleted_ms in _ended(read).items() if deleted_ms > NEVER_MS]
        case loader._POSITIONS:
            return [
                (p, at.messages_offset, at.users_offset, at.messages, at.channels, at.recounts, at.recounting)
                for p, at in sorted(read.partitions.items())
            ]
    if query.startswith("SELECT partition, messages_offset, users_offset, recounts FROM partitions"):
        return [(p, *at.position) for p, at in sorted(read.partitions.items())]
    if query.startswith("SELECT partition, messages_offset, users_offset FROM partitions"):
        return [(p, at.messages_offset, at.users_offset) for p, at in sorted(read.partitions.items())]
    if query.lstrip().startswith("SELECT m.channel, m.id, m.username, m.ts_ms, m.append_ms"):
        return _newest_first(read, query, arguments)
    raise AssertionError(f"the simulated database does not know this statement: {query}")


def _shares(read: MemoryStore) -> Iterator[tuple[Any, ...]]:
    for key, user in read.users.items():
        if user.messages or user.display.name:
            display = user.display
            counts = (user.messages, user.last_ms)
            yield (*key, *counts, display.name, display.ts_ms, display.channel, display.offset)


def _ended(read: MemoryStore) -> dict[str, int]:
    ended: dict[str, int] = {}
    for key, user in read.users.items():
        ended[key.user] = max(ended.get(key.user, NEVER_MS), user.deleted_ms)
    return ended


def _newest_first(read: MemoryStore, query: str, arguments: tuple[Any, ...]) -> list[Any]:
    """As livestream.history has it: a deletion that another partition has heard of hides by `ts` only."""
    wanted = {column: arguments[int(number) - 1] for column, number in _CONDITION.findall(query)}
    shown = [
        message
        for message in read.visible()
        if wanted.get("username", message.user) == message.user
        and wanted.get("channel", message.channel) == message.channel
        and not _is_ended_elsewhere(read, message)
    ]
    shown.sort(key=lambda m: (m.ts_ms, m.channel, m.offset), reverse=True)
    return [
        (m.channel, m.id, m.user, m.ts_ms, m.append_ms, m.offset, m.text, m.edited_ts_ms)
        for m in shown[: arguments[-1]]
    ]  # fmt: skip


def _is_ended_elsewhere(read: MemoryStore, message: MessageState) -> bool:
    return any(
        partition != message.partition
        and (user := read.users.get(UserKey(partition, message.user))) is not None
        and user.deleted_ms >= message.ts_ms
        for partition in read.partitions
    )
