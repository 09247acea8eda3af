"""The projector's store on the simulated database: the steps of `livestream_projector.store.Store`, one call each."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from livestream.fold import Changes, PartitionState, Prior, Record, UserDeletion, advance_users, own_rows
from livestream_projector.store import BeforeCommit, Committed, PassedRecord, Store
from livestream_projector.writes import FencedError, Prepared
from tests.support.simulation.database import Database, Session, Transaction
from tests.support.simulation.servers import Reply
from tests.support.simulation.world import Process


class SimulatedStore(Store):
    """Raises what the real one raises."""

    def __init__(self, database: Database, process: Process, generation: int, bury: BeforeCommit) -> None:
        self.generation = generation
        self._database = database
        self._process = process
        self._bury = bury
        self.folded_ahead = 0

    async def positions(self, partitions: Sequence[int]) -> dict[int, PartitionState]:
        async with self._session() as session:
            return await self._load_partitions(session, partitions)

    async def prepare(
        self, records: Sequence[Record], expected: dict[int, PartitionState], behind: Changes | None = None
    ) -> Prepared:
        known = behind.prior if behind else Prior({})
        async with self._session() as session:
            wanted = {record.partition for record in records}
            partitions = own_rows(known.partitions, wanted)
            partitions |= await self._stands_as(wanted - partitions.keys(), expected, session)
            again = [str(r.coordinates) for r in records if r.offset < partitions[r.partition].messages_offset]
            if again:
                self._database.violations.append(f"{self._process.name} folds {again} again")
            self.folded_ahead += behind is not None
            fold = partial(self._database.read.changes_of, records, partitions, known)
            return Prepared(await self._fold(session, fold))

    async def commit(self, prepared: Prepared, on_sent: Callable[[], None] | None = None) -> Committed:
        async with self._session() as session:
            return await self._write(session, prepared.changes, on_sent)

    async def fold_user_deletion(
        self, partition: int, deletion: UserDeletion, expected: dict[int, PartitionState]
    ) -> Committed:
        async with self._session() as session:
            partitions = await self._stands_as({partition}, expected, session)
            read = self._database.read
            fold = partial(read.changes_of_user_deletion, partition, deletion, partitions)
            return await self._write(session, await self._fold(session, fold))

    async def recount(self, partition: int, expected: dict[int, PartitionState]) -> Committed:
        async with self._session() as session:
            partitions = await self._stands_as({partition}, expected, session)
            read = self._database.read
            changes = await self._fold(
                session, lambda: read.changes_of_recount(partition, partitions) or FencedError("nothing is left")
            )
            return await self._write(session, changes)

    async def pass_by_user_record(
        self, partition: int, record: PassedRecord, expected: dict[int, PartitionState]
    ) -> Committed:
        async with self._session() as session:
            partitions = await self._stands_as({partition}, expected, session)
            changes = Changes(Prior(partitions))
            advance_users(changes.prior, partition, record.offset, record.checksum)
            return await self._write(session, changes)

    async def _stands_as(
        self, wanted: set[int], expected: dict[int, PartitionState], session: Session
    ) -> dict[int, PartitionState]:
        found = await self._load_partitions(session, sorted(wanted))
        for partition in wanted:
            believed = expected.get(partition)
            if believed is None or found[partition].position != believed.position:
                raise FencedError(f"partition {partition} does not stand where this process left it")
        return found

    async def _load_partitions(self, session: Session, partitions: Sequence[int]) -> dict[int, PartitionState]:
        found: dict[int, PartitionState] = await session.run(
            lambda reply: reply(self._database.read.positions(partitions))
        )
        return found

    async def _fold(self, session: Session, fold: Callable[[], Changes | FencedError]) -> Changes:
        def prior_and_fold(reply: Reply) -> None:
            reply(fold())

        changes: Changes = await session.run(prior_and_fold)
        return changes

    async def _write(self, session: Session, changes: Changes, on_sent: Callable[[], None] | None = None) -> Committed:
        await self._bury(changes.dead_letters)
        transaction = Transaction(session, changes)
        await transaction.advance()
        if on_sent:
            on_sent()
            await transaction.copy()
        outbox = await transaction.commit()
        return Committed(changes.prior.partitions, outbox)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        session = self._database.open(self._process)
        try:
            yield session
        finally:
            session.close()
