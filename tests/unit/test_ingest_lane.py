"""A lane: order, batches that grow under load, and nothing that overtakes what failed."""

import asyncio

import pytest

from livestream_ingest.lane import Batch, Lane, Parcel, Record

BATCH_RECORDS = 4


class MemoryBatch:
    def __init__(self) -> None:
        self.values: list[bytes] = []

    def append(
        self, *, timestamp: int | None, key: bytes, value: bytes, headers: list[tuple[str, bytes]] | None
    ) -> object | None:
        assert not headers
        assert timestamp is None
        assert key == b"key"
        if len(self.values) == BATCH_RECORDS:
            return None
        self.values.append(value)
        return self

    def record_count(self) -> int:
        return len(self.values)


class MemoryTransport:
    """A log in memory that takes batches when it is told to."""

    def __init__(self) -> None:
        self.log: list[list[bytes]] = []
        self._turns: asyncio.Queue[Exception | None] = asyncio.Queue()

    def let_through(self, batches: int = 1, error: Exception | None = None) -> None:
        for _ in range(batches):
            self._turns.put_nowait(error)

    def new_batch(self) -> MemoryBatch:
        return MemoryBatch()

    async def deliver(self, batch: Batch) -> None:
        error = await self._turns.get()
        if error is not None:
            raise error
        assert isinstance(batch, MemoryBatch)
        self.log.append(batch.values)


class Outcomes:
    def __init__(self) -> None:
        self.of: dict[Parcel, Exception | None] = {}

    def parcel(self, *values: bytes) -> Parcel:
        return Parcel([Record(b"key", value) for value in values], self._note)

    def _note(self, parcel: Parcel, error: Exception | None) -> None:
        assert parcel not in self.of
        self.of[parcel] = error


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def transport() -> MemoryTransport:
    return MemoryTransport()


@pytest.fixture
def outcomes() -> Outcomes:
    return Outcomes()


async def test_what_comes_while_a_batch_is_under_way_goes_into_the_next(
    transport: MemoryTransport, outcomes: Outcomes
) -> None:
    lane = Lane("t/0", transport)
    parcels = [outcomes.parcel(b"1"), outcomes.parcel(b"2", b"3"), outcomes.parcel(b"4")]
    lane.put(parcels[0])
    await settle()
    for parcel in parcels[1:]:
        lane.put(parcel)
    transport.let_through(2)
    await settle()
    assert transport.log == [[b"1"], [b"2", b"3", b"4"]]
    assert outcomes.of == dict.fromkeys(parcels)
    assert lane.waiting_seconds() == 0


async def test_a_parcel_ends_with_the_batch_that_has_its_last_record(
    transport: MemoryTransport, outcomes: Outcomes
) -> None:
    lane = Lane("t/0", transport)
    long, short = outcomes.parcel(*(b"%d" % number for number in range(9))), outcomes.parcel(b"short")
    lane.put(long)
    lane.put(short)
    transport.let_through(2)
    await settle()
    assert outcomes.of == {}
    transport.let_through()
    await settle()
    assert transport.log == [[b"0", b"1", b"2", b"3"], [b"4", b"5", b"6", b"7"], [b"8", b"short"]]
    assert list(outcomes.of) == [long, short]


async def test_nothing_overtakes_what_failed(transport: MemoryTransport, outcomes: Outcomes) -> None:
    lane = Lane("t/0", transport)
    parcels = [outcomes.parcel(*[b"a"] * 6), outcomes.parcel(b"b")]
    for parcel in parcels:
        lane.put(parcel)
    transport.let_through()
    error = RuntimeError("gone")
    transport.let_through(error=error)
    await settle()
    assert transport.log == [[b"a"] * 4]
    assert outcomes.of == dict.fromkeys(parcels, error)
    again = outcomes.parcel(b"again")
    lane.put(again)
    transport.let_through()
    await settle()
    assert transport.log[1:] == [[b"again"]]
    assert outcomes.of[again] is None


async def test_what_was_given_up_is_not_sent(transport: MemoryTransport, outcomes: Outcomes) -> None:
    lane = Lane("t/0", transport)
    under_way, half_sent, waiting, kept = (
        outcomes.parcel(b"1"),
        outcomes.parcel(*[b"2"] * 6),
        outcomes.parcel(b"3"),
        outcomes.parcel(b"4"),
    )
    for parcel in (under_way, half_sent, waiting, kept):
        lane.put(parcel)
    await settle()
    assert lane.waiting_seconds() > 0
    given_up = TimeoutError()
    for parcel in (under_way, half_sent, waiting):
        parcel.end(given_up)
    transport.let_through(2)
    await settle()
    assert transport.log == [[b"1", b"2", b"2", b"2"], [b"4"]]
    assert outcomes.of == {under_way: given_up, half_sent: given_up, waiting: given_up, kept: None}
