"""The rebuild: folds the whole log into a new generation beside the live one, then switches to it.

`python -m livestream_projector.rebuild` with the projector's settings; it prints a line of JSON a second:
{"records", "of", "state"}. Killed at any moment, it is begun again.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import TopicPartition

from livestream.clients import postgres_pool, redis_client
from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Rejected
from livestream.fold import Coordinates, DeadLetter, PartitionState, split
from livestream.kafka import AIOKafkaConsumer
from livestream.logs import configure_logs, get_logger
from livestream.retention import Retention
from livestream.service import new_event_loop
from livestream.serving import ServingCopy
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_projector.baseline import begin_at, known_repeats, messages_lost
from livestream_projector.consumer import new_consumer
from livestream_projector.dead_letters import DeadLetterOffice, dead_letter_producer
from livestream_projector.decode import checksum_of, read_message, read_user_deletion
from livestream_projector.generation import GenerationState, begin_next, drop, switch
from livestream_projector.retention import load_retention
from livestream_projector.settings import Settings
from livestream_projector.store import PassedRecord, Store
from livestream_projector.writes import RetiredError

_USERS: Final = TopicPartition(USERS_TOPIC, 0)
# Only one at a time; held for the life of a connection. "rebuild" in ASCII.
_REBUILD_LOCK: Final = 0x72656275696C64
_CONNECTIONS: Final = 3
_POLL_MS: Final = 200
_TELL_SECONDS: Final = 1.0
# Gateways look once a second: all viewers see that there is a rebuild, however quick it is.
_SEEN_SECONDS: Final = 2.5
# The projectors notice a switch within their sweep of the outbox, and load an epoch.
_SERVED_SECONDS: Final = 120.0
# Reads that began before the switch may still look at the old generation for a moment.
_GRACE_SECONDS: Final = 5.0

_log = get_logger(__name__)


class RebuildError(Exception):
    """The rebuild could not be made; the live generation serves on."""


class Rebuild:
    """One rebuild. Raises RebuildError, and the clients' errors; then nothing has changed for readers."""

    def __init__(self, settings: Settings, pool: asyncpg.Pool, serving: ServingCopy, office: DeadLetterOffice) -> None:
        self._settings = settings
        self._pool = pool
        self._serving = serving
        self._office = office
        self._retention = Retention()
        self._live_states: dict[int, PartitionState] = {}
        self._states: dict[int, PartitionState] = {}
        self._records = 0
        self._of = 0

    async def run(self) -> None:
        async with self._pool.acquire() as guard:
            if not await guard.fetchval("SELECT pg_try_advisory_lock($1)", _REBUILD_LOCK):
                raise RebuildError("another rebuild is running")
            self._retention = await load_retention(self._pool)
            has_baseline = self._retention.ever_set
            live, following, partitions = await begin_next(self._pool, has_baseline=has_baseline)
            _log.info("rebuild_started", live=live, following=following, has_baseline=has_baseline)
            store = Store(
                self._pool,
                following,
                self._bury,
                GenerationState.BUILDING,
                len(self._retention),
                await known_repeats(guard, following),
            )
            self._states = await store.positions(range(partitions))
            teller = asyncio.create_task(self._tell())
            seen = asyncio.create_task(asyncio.sleep(_SEEN_SECONDS))
            try:
                await self._fold(store, live, following)
                _log.info("rebuild_switched", live=following)
                await self._wait_until_served(following)
                await seen
            finally:
                seen.cancel()
                teller.cancel()
                await self._serving.show_rebuild(None)
            await asyncio.sleep(_GRACE_SECONDS)
            await drop(guard, live)

    async def _fold(self, store: Store, live: int, following: int) -> None:
        users, messages = (new_consumer(self._settings.kafka_servers, group=None) for _ in range(2))
        try:
            await users.start()
            await messages.start()
            partitions = [TopicPartition(MESSAGES_TOPIC, partition) for partition in self._states]
            await self._begin(store, live, await messages.beginning_offsets([*partitions, _USERS]))
            users.assign([_USERS])
            users.seek(_USERS, self._states[0].users_offset)
            messages.assign(partitions)
            for tp in partitions:
                messages.seek(tp, self._states[tp.partition].messages_offset)
            # All deletions come first, so that no erased text is ever written again.
            await self._fold_users(store, users, (await users.end_offsets([_USERS]))[_USERS])
            live_store = Store(self._pool, live, self._bury)
            while True:
                self._live_states = await live_store.positions(range(len(self._states)))
                self._of = sum((await messages.end_offsets(partitions)).values())
                caught_up = await self._fold_messages(store, messages)
                await self._fold_users(store, users, None)
                if caught_up and await switch(self._pool, live, following):
                    return
        finally:
            await users.stop()
            await messages.stop()

    async def _begin(self, store: Store, live: int, firsts: Mapping[TopicPartition, int]) -> None:
        """Begin each partition where its baseline ends, or where the log begins if nothing in between is missed."""
        users_first = firsts[_USERS]
        if users_first and not self._retention.ever_set:
            raise RebuildError(f"{USERS_TOPIC} begins at offset {users_first}: its older records are gone")
        async with self._pool.acquire() as connection:
            for partition, state in self._states.items():
                first = firsts[TopicPartition(MESSAGES_TOPIC, partition)]
                baseline = state.messages_offset
                lost = await messages_lost(connection, live, partition, baseline, first)
                if lost or (first and not self._retention.ever_set):
                    raise RebuildError(
                        f"{MESSAGES_TOPIC}/{partition} begins at offset {first}: older records are gone, of which the "
                        f"live read model shows {lost} messages"
                    )
                await begin_at(connection, live, store.generation, partition, max(baseline, first), users_first)
        self._states = await store.positions(list(self._states))

    async def _fold_messages(self, store: Store, consumer: AIOKafkaConsumer) -> bool:
        """Fold what the next poll brings; true where that was nothing or little."""
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=self._settings.batch_records)
        originals = [record for found in polled.values() for record in found]
        self._office.hold(originals)
        records = [read_message(record, len(self._states), self._retention) for record in originals]
        for run in split(records):
            self._states |= (await store.fold(run, self._states)).partitions
            await self._recount(store)
        self._records += len(records)
        return len(records) < self._settings.batch_records

    async def _recount(self, store: Store) -> None:
        """Nobody watches yet: all counts follow at once."""
        for partition in list(self._states):
            while self._states[partition].recounting:
                self._states |= (await store.recount(partition, self._states)).partitions

    async def _fold_users(self, store: Store, consumer: AIOKafkaConsumer, up_to: int | None) -> None:
        """Apply deletions up to an offset, or those that have come since."""
        while up_to is None or await consumer.position(_USERS) < up_to:
            found: Sequence[Any] = (await consumer.getmany(timeout_ms=_POLL_MS if up_to else 0)).get(_USERS, [])
            for record in found:
                deletion = read_user_deletion(record, self._retention)
                if isinstance(deletion, Rejected):
                    self._office.hold([record])
                    await self._bury([DeadLetter(Coordinates(record.topic, record.partition, record.offset), deletion)])
                for partition in self._states:
                    if isinstance(deletion, Rejected):
                        passed = PassedRecord(record.offset, checksum_of(record))
                        committed = await store.pass_by_user_record(partition, passed, self._states)
                    else:
                        committed = await store.fold_user_deletion(partition, deletion, self._states)
                    self._states |= committed.partitions
            if up_to is None and not found:
                return

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Bury what the live fold has not come to. It has buried the rest: what was replayed since must not return."""
        await self._office.bury([letter for letter in letters if self._is_ahead(letter.coordinates)])

    def _is_ahead(self, at: Coordinates) -> bool:
        if not self._live_states:
            return False
        if at.topic == USERS_TOPIC:
            return all(at.offset >= state.users_offset for state in self._live_states.values())
        return at.offset >= self._live_states[at.partition].messages_offset

    async def _wait_until_served(self, generation: int) -> None:
        async with asyncio.timeout(_SERVED_SECONDS):
            while (await self._serving.status()).generation != generation:  # noqa: ASYNC110 - Redis has no event for it
                await asyncio.sleep(_POLL_MS / 1000)

    async def _tell(self) -> None:
        """Say how far it is: to viewers through Redis, to who started it on standard output."""
        while True:
            done = self._records / self._of if self._of else 0.0
            await self._serving.show_rebuild(min(done, 1.0))
            line = {"records": self._records, "of": self._of}
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
            sys.stdout.flush()
            await asyncio.sleep(_TELL_SECONDS)


async def _main(settings: Settings) -> None:
    redis = redis_client(settings.redis_url)
    try:
        async with (
            postgres_pool(settings.database_url, _CONNECTIONS) as pool,
            dead_letter_producer(settings.kafka_servers) as producer,
        ):
            await Rebuild(settings, pool, ServingCopy(redis), DeadLetterOffice(producer)).run()
    finally:
        await redis.aclose()


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)
    configure_logs("rebuild", settings.process.log_format, settings.process.log_level)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_main(settings))
    except (RebuildError, RetiredError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
