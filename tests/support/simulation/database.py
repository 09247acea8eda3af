"""Postgres as the projector uses it: the fold's tables in memory, transactions with locks, and the outbox."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final

import asyncpg

from livestream.deltas import encode_batch
from livestream.fold import Changes, PartitionState
from livestream_projector.writes import FencedError
from tests.support.memory_store import MemoryStore
from tests.support.simulation.servers import Failures, Reply, Server
from tests.support.simulation.world import Process, World

# Of a session that is in a transaction and does nothing, and of one that waits for a lock; in seconds. Shorter than in
# production, so that much happens within one history.
_IDLE_IN_TRANSACTION_SECONDS: Final = 3.0
_LOCK_SECONDS: Final = 1.5
_LONGEST_COPY_SECONDS: Final = 0.05


class Database(Server):
    """`read` is the committed state; all writes to it happen in `commit`. `outbox`: id → encoded batch.

    `violations`: what was asked of it that nobody may ask.
    """

    def __init__(self, world: World, partitions: int) -> None:
        failures = Failures(
            lambda: ConnectionRefusedError("refused"),
            _closed,
            TimeoutError,
        )
        super().__init__(world, "postgres", failures)
        self.read = MemoryStore(partitions, recounted_at_once=1)
        self.outbox: dict[int, bytes] = {}
        self.violations: list[str] = []
        self._ids = itertools.count(1)
        self._stall_s = 0.0
        self._sessions: dict[Session, None] = {}  # in order, so that a seed gives one history
        self._exclusive: dict[Hashable, Session] = {}
        self._shared: defaultdict[Hashable, set[Session]] = defaultdict(set)
        self._waiting: list[tuple[Hashable, Session, Reply]] = []

    def open(self, process: Process) -> "Session":
        session = Session(self, process)
        self._sessions[session] = None
        return session

    def ended(self) -> None:
        for session in list(self._sessions):
            session.terminate()

    def snapshot(self) -> MemoryStore:
        """The committed state as it is now; rows are never changed in place, so that it stays."""
        held, now = MemoryStore(0), self.read
        held.partitions, held.messages = dict(now.partitions), dict(now.messages)
        held.channels, held.users, held.pairs = dict(now.channels), dict(now.users), dict(now.pairs)
        held.recounting = dict(now.recounting)
        return held

    def next_outbox_id(self) -> int:
        """Ids are drawn before a commit, so they are not in the order of commits."""
        return next(self._ids)

    def stall_next_commit(self, seconds: float) -> None:
        """As where the disk is busy: it is done, but later."""
        self._stall_s = seconds

    def take_stall(self) -> float:
        stall_s, self._stall_s = self._stall_s, 0.0
        return stall_s

    def forget(self, session: "Session") -> None:
        self._sessions.pop(session, None)
        self.release(session)

    def lock(self, key: Hashable, session: "Session", reply: Reply) -> None:
        """Wait for an exclusive lock, which lasts as long as the transaction; for some time only."""
        self._waiting.append((key, session, reply))
        self._grant()
        if (key, session, reply) in self._waiting:
            self.world.after(_LOCK_SECONDS, lambda: self._stop_waiting(key, session, reply))

    def try_share(self, key: Hashable, session: "Session") -> bool:
        if key in self._exclusive:
            return False
        self._shared[key].add(session)
        return True

    def release(self, session: "Session") -> None:
        self._exclusive = {key: held for key, held in self._exclusive.items() if held is not session}
        for sharing in self._shared.values():
            sharing.discard(session)
        ended = [waiting for waiting in self._waiting if waiting[1] is session]
        self._waiting = [waiting for waiting in self._waiting if waiting[1] is not session]
        for _, _, reply in ended:
            reply(_closed())
        self._grant()

    def _grant(self) -> None:
        for waiting in list(self._waiting):
            key, session, reply = waiting
            holder = self._exclusive.get(key, session)
            if holder is session and not self._shared[key] - {session}:
                self._waiting.remove(waiting)
                self._exclusive[key] = session
                reply(None)

    def _stop_waiting(self, key: Hashable, session: "Session", reply: Reply) -> None:
        if (key, session, reply) in self._waiting:
            self._waiting.remove((key, session, reply))
            reply(asyncpg.LockNotAvailableError("canceling statement due to lock timeout"))


class Session:
    """One connection. It ends with its process, with the server, or when it idles in a transaction for too long."""

    def __init__(self, database: Database, process: Process) -> None:
        self.database = database
        self.process = process
        self.is_open = True
        self.in_transaction = False
        self.view: MemoryStore | None = None
        self._statements = 0
        process.on_death.append(self._died)

    async def run(self, statement: Callable[[Reply], None]) -> Any:
        """Have one statement executed. Raises asyncpg's errors, OSError or TimeoutError."""

        def work(reply: Reply) -> None:
            self._statements += 1
            if not self.is_open:
                reply(_closed())
                return
            statement(reply)
            self._watch()

        try:
            return await self.database.call(self.process, work)
        except (asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError, OSError, TimeoutError):
            # What is left of it on the server goes as soon as the server notices.
            self.database.world.after(self.database.world.random.random() * 0.01, self.terminate)
            raise

    def begin(self, *, with_view: bool = False) -> None:
        self.in_transaction = True
        self.view = self.database.snapshot() if with_view else None

    def end(self) -> None:
        """Commit or roll back: with what is simulated here, either only lets locks go."""
        self.in_transaction, self.view = False, None
        self.database.release(self)

    def close(self) -> None:
        """Back to the pool. What a process that was killed had sent still comes before the end of its connection."""
        if self.process.is_alive:
            self.process.on_death.remove(self._died)
            self.end()
            self.database.forget(self)

    def terminate(self) -> None:
        """The server ends it."""
        if self.is_open:
            self.is_open = False
            self.database.forget(self)

    def _died(self) -> None:
        self.database.world.after(self.database.world.random.random() * 0.01, self.terminate)

    def _watch(self) -> None:
        if not self.in_transaction:
            return
        statements = self._statements

        def idle() -> None:
            if self.in_transaction and self._statements == statements:
                self.terminate()

        self.database.world.after(_IDLE_IN_TRANSACTION_SECONDS, idle)


class Transaction:
    """One batch on its way into the tables: advance the partitions, then commit, as `writes.write` does."""

    def __init__(self, session: Session, changes: Changes) -> None:
        self._session = session
        self._database = session.database
        self._changes = changes
        self._outbox_id = 0

    async def advance(self) -> None:
        """Lock the partitions' rows, and see that they stand where the batch began. Raises FencedError."""
        self._session.begin()
        for partition in sorted(self._changes.before):
            await self._session.run(partial(self._database.lock, ("partition", partition), self._session))
        await self._session.run(self._check)

    async def copy(self) -> None:
        """What takes most of a batch's time: its messages go into all indexes."""
        world = self._database.world
        copy_s = world.random.uniform(0, _LONGEST_COPY_SECONDS)
        await self._session.run(lambda reply: world.after(copy_s, lambda: reply(None)))

    async def commit(self) -> tuple[int, bytes]:
        """Returns the outbox row."""
        stall_s = self._database.take_stall()
        outbox: tuple[int, bytes] = await self._session.run(
            lambda reply: self._database.world.after(stall_s, partial(self._commit, reply))
        )
        return outbox

    def _check(self, reply: Reply) -> None:
        self._outbox_id = self._database.next_outbox_id()
        stand = {partition: self._database.read.partitions[partition].position for partition in self._changes.before}
        reply(None if stand == self._changes.before else FencedError(f"{stand}, not {self._changes.before}"))

    def _commit(self, reply: Reply) -> None:
        if not self._session.is_open:
            reply(_closed())
            return
        batch = encode_batch(self._database.read.commit(self._changes))
        self._database.outbox[self._outbox_id] = batch
        self._session.end()
        positions = {p: state.position for p, state in self._changes.prior.partitions.items()}
        self._database.world.note(self._session.process.name, f"committed {self._outbox_id}: {positions}")
        reply((self._outbox_id, batch))


def _closed() -> Exception:
    return asyncpg.ConnectionDoesNotExistError("the connection was closed in the middle of an operation")


def offsets_of(state: PartitionState) -> tuple[int, int]:
    return (state.messages_offset, state.users_offset)
