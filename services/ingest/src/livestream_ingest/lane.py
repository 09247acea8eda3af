"""The way to one partition: what is handed in while a batch is under way goes into the next one, in order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from livestream.logs import get_logger
from livestream.retries import describe
from livestream_ingest.metrics import ACK_SECONDS, BATCH_RECORDS, FAILED_BATCHES

_log = get_logger(__name__)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event as it goes to the log."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]] | None = None


class Batch(Protocol):
    """What aiokafka calls a BatchBuilder."""

    def append(
        self, *, timestamp: int | None, key: bytes, value: bytes, headers: list[tuple[str, bytes]] | None
    ) -> object | None:
        """Add a record; None if it does not fit. Into an empty batch every record fits."""

    def record_count(self) -> int: ...


class Transport(Protocol):
    """Carries batches to one partition."""

    def new_batch(self) -> Batch:
        """Raises where there is no connection."""

    async def deliver(self, batch: Batch) -> None:
        """Return when all in-sync replicas have it. Whatever is raised leaves open whether they have."""


class Parcel:
    """Records of one request for one partition. It ends once: acknowledged (no error), failed, or given up."""

    def __init__(self, records: Sequence[Record], on_end: Callable[["Parcel", Exception | None], None]) -> None:
        self.records = records
        self.ended = False
        self._on_end = on_end
        self._since = time.monotonic()

    def end(self, error: Exception | None) -> None:
        """Note the outcome and let go of the records. Only the first call counts."""
        if self.ended:
            return
        self.ended, self.records = True, ()
        if error is None:
            ACK_SECONDS.observe(time.monotonic() - self._since)
        self._on_end(self, error)


class Lane:
    """Sends the parcels of one partition one batch at a time: so order is kept, and batches grow under load."""

    def __init__(self, name: str, transport: Transport) -> None:
        self._name = name
        self._transport = transport
        # Parcels stay here until the batch with their last record is acknowledged.
        self._queue: deque[Parcel] = deque()
        self._sent_of_first = 0
        self._sending_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, parcel: Parcel) -> None:
        self._queue.append(parcel)
        if self._task is None:
            self._task = asyncio.create_task(self._send_all(), name=f"lane {self._name}")

    def waiting_seconds(self) -> float:
        """For how long the batch that is under way has not been acknowledged."""
        return 0.0 if self._sending_since is None else time.monotonic() - self._sending_since

    async def _send_all(self) -> None:
        try:
            while self._queue:
                await self._send_batch()
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            FAILED_BATCHES.labels(type(error).__name__).inc()
            _log.warning("batch_failed", lane=self._name, error=describe(error))
            # All of them, not only those in the batch: what follows must not overtake what will be sent again.
            self._sent_of_first = 0
            while self._queue:
                self._queue.popleft().end(error)
        finally:
            self._sending_since = None
            self._task = None

    async def _send_batch(self) -> None:
        batch = self._transport.new_batch()
        complete = self._fill(batch)
        if batch.record_count():
            BATCH_RECORDS.observe(batch.record_count())
            self._sending_since = time.monotonic()
            await self._transport.deliver(batch)
        for _ in range(complete):
            self._queue.popleft().end(None)

    def _fill(self, batch: Batch) -> int:
        """Answers how many parcels, from the first, have their last record in this batch or before."""
        complete = 0
        for parcel in self._queue:
            for record in parcel.records[self._sent_of_first :]:
                if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                    return complete
                self._sent_of_first += 1
            self._sent_of_first = 0
            complete += 1
        return complete
