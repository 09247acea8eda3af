"""Puts events on the log: bounded in memory, in order, and done only when all in-sync replicas say so."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC, Event, UserDeleted, encode_event
from livestream.partitioning import partition_of
from livestream.tracing import HEADER, current_parent
from livestream_ingest.budget import ByteBudget
from livestream_ingest.lane import Batch, Lane, Parcel, Record
from livestream_ingest.metrics import ACCEPTED_ITEMS
from livestream_ingest.plain import Post
from livestream_ingest.producer import Connection, NotConnectedError, ProducerKeeper
from livestream_ingest.receipt import LogUnavailableError, Receipt

# Of a record in memory beside its bytes: two bytes objects, a struct, a place in a list.
RECORD_OVERHEAD_BYTES: Final = 200
_CACHED_KEYS: Final = 65_536  # as many names as are kept checked

# A partition that takes nothing for so many times the timeout is not merely slow. A new connection, which looks for the
# topics again too, cures whatever aiokafka cannot see, and costs the other partitions one failed batch.
TIMEOUTS_UNTIL_RECONNECT: Final = 3


_ACCEPTED: Final = {topic: ACCEPTED_ITEMS.labels(topic) for topic in (MESSAGES_TOPIC, USERS_TOPIC)}


class Place(NamedTuple):
    topic: str
    partition: int


class _Load(msgspec.Struct):
    """What is handed over together for one place."""

    first_index: int
    records: list[Record] = []
    size: int = 0

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.size += RECORD_OVERHEAD_BYTES + len(record.key) + len(record.value)


@lru_cache(_CACHED_KEYS)
def _placed(channel: str, partitions: int) -> tuple[int, bytes]:
    """The partition and the key of a channel's records."""
    return partition_of(channel, partitions), channel.encode()


class LogWriter:
    """Takes events of all requests. At most `in_flight_bytes` of them are held at a time."""

    def __init__(self, keeper: ProducerKeeper, in_flight_bytes: int, ack_timeout_seconds: float) -> None:
        self._keeper = keeper
        self._budget = ByteBudget(in_flight_bytes, "records")
        self._ack_timeout_seconds = ack_timeout_seconds
        self._lanes: dict[Place, Lane] = {}

    async def submit_event(self, event: Event) -> Receipt:
        """As `submit_posts`, for one event of any kind."""
        if isinstance(event, UserDeleted):
            place, key = Place(USERS_TOPIC, 0), event.user.encode()
        else:
            partition, key = _placed(event.channel, self._keeper.partitions)
            place = Place(MESSAGES_TOPIC, partition)
        load = _Load(0)
        load.add(Record(key, encode_event(event)))
        return await self._submit({place: load}, ())

    async def submit_posts(self, posts: Sequence[tuple[int, Post]], after: Collection[Receipt] = ()) -> Receipt:
        """Hand over posts, each with its index in the request; waits while too much is in flight.

        Those of one channel keep their order, also behind what was handed over before (`after`). Raises
        LogUnavailableError where Kafka is known to be away, nothing became free in time, or one of `after` failed; then
        none of these was handed over.
        """
        loads: dict[int, _Load] = {}
        partitions = self._keeper.partitions
        for index, post in posts:
            partition, key = _placed(post.channel, partitions)
            load = loads.get(partition)
            if load is None:
                load = loads[partition] = _Load(index)
            load.add(Record(key, post.value))
        return await self._submit({Place(MESSAGES_TOPIC, number): load for number, load in loads.items()}, after)

    async def _submit(self, loads: Mapping[Place, _Load], after: Collection[Receipt]) -> Receipt:
        try:
            connection = self._keeper.connection
        except NotConnectedError as error:
            raise LogUnavailableError(str(error)) from None
        for place in loads:
            self._refuse_if_stuck(place, connection)
        receipt = Receipt(self._ack_timeout_seconds)
        size = sum(load.size for load in loads.values())
        if not self._budget.take_now(size):
            await self._wait_for_room(size)
        if any(earlier.failed for earlier in after):
            # What failed will be sent again, and must not find these before it.
            self._budget.give_back(size)
            raise LogUnavailableError("Kafka did not acknowledge what came before")
        parent = current_parent()
        for place, load in loads.items():
            if parent:
                # One for all: they go the same way, and a header on each would be a third of what they weigh.
                load.records[0] = msgspec.structs.replace(load.records[0], headers=[(HEADER, parent)])
            self._put(place, load, receipt)
        return receipt

    async def _wait_for_room(self, size: int) -> None:
        try:
            async with asyncio.timeout(self._ack_timeout_seconds):
                await self._budget.take(size)
        except TimeoutError:
            raise LogUnavailableError("too much is waiting for Kafka already") from None

    def _put(self, place: Place, load: _Load, receipt: Receipt) -> None:
        size, count = load.size, len(load.records)

        def ended(parcel: Parcel, error: Exception | None) -> None:
            self._budget.give_back(size)
            if error is None:
                _ACCEPTED[place.topic].inc(count)
            receipt.note(parcel, error)

        parcel = Parcel(load.records, ended)
        receipt.expect(parcel, load.first_index)
        self._lane(place).put(parcel)

    def _refuse_if_stuck(self, place: Place, connection: Connection) -> None:
        waiting_seconds = self._lane(place).waiting_seconds()
        if waiting_seconds <= self._ack_timeout_seconds:
            return
        error = LogUnavailableError(
            f"Kafka has acknowledged nothing for {place.topic}/{place.partition} in {waiting_seconds:.0f} s"
        )
        if waiting_seconds > TIMEOUTS_UNTIL_RECONNECT * self._ack_timeout_seconds:
            connection.give_up(error)
        raise error

    def _lane(self, place: Place) -> Lane:
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(f"{place.topic}/{place.partition}", _Transport(self._keeper, place))
        return lane


class _Transport:
    def __init__(self, keeper: ProducerKeeper, place: Place) -> None:
        self._keeper = keeper
        self._place = place

    def new_batch(self) -> Batch:
        return self._keeper.connection.new_batch()

    async def deliver(self, batch: Batch) -> None:
        await self._keeper.connection.deliver(batch, self._place.topic, self._place.partition)
