"""What became of events that were handed to the log."""

import asyncio

from livestream_ingest.lane import Parcel


class LogUnavailableError(Exception):
    """Kafka did not take something in time; the message says what is known."""


class Receipt:
    """Follows the parcels of one `LogWriter.submit` until all are acknowledged, or the time is over."""

    def __init__(self, timeout_seconds: float) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._timeout_seconds = timeout_seconds
        self._deadline = loop.time() + timeout_seconds
        self._open: dict[Parcel, int] = {}
        self._failed: list[int] = []
        self._error: Exception | None = None
        self._all_ended: asyncio.Future[None] = loop.create_future()

    def expect(self, parcel: Parcel, first_index: int) -> None:
        """`first_index`: of the parcel's first event in its request."""
        self._open[parcel] = first_index

    def note(self, parcel: Parcel, error: Exception | None) -> None:
        first_index = self._open.pop(parcel)
        if error is not None:
            self._failed.append(first_index)
            self._error = error
        if not self._open and not self._all_ended.done():
            self._all_ended.set_result(None)

    @property
    def failed(self) -> bool:
        """Whether some of it is lost, or its fate unknown."""
        return bool(self._failed)

    @property
    def settled(self) -> bool:
        """Whether `wait` would not have to wait."""
        return not self._open

    @property
    def first_missing(self) -> int | None:
        """The index of the first event that is not known to be on the log."""
        return min([*self._open.values(), *self._failed], default=None)

    async def wait(self) -> None:
        """Return when all are acknowledged. Raises LogUnavailableError where some are not, in time or at all."""
        if self._open:
            # A timer by itself: asyncio.timeout costs more than a tenth of what a single post takes.
            timer = self._loop.call_at(self._deadline, self._expire)
            try:
                await self._all_ended
            finally:
                timer.cancel()
        if self._error is not None:
            raise LogUnavailableError(f"Kafka did not acknowledge: {self._error}")

    def _expire(self) -> None:
        if not self._all_ended.done():
            error = LogUnavailableError(f"Kafka did not acknowledge within {self._timeout_seconds:g} s")
            self._all_ended.set_exception(error)

    def give_up(self) -> None:
        """Drop what was not sent yet. What is under way may still arrive on the log."""
        for parcel in list(self._open):
            parcel.end(LogUnavailableError("given up"))
