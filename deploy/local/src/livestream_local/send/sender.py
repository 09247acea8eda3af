"""Posts chunks to ingest until each line is accepted or refused."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from livestream.retries import RETRIES, delays, describe
from livestream_local.errors import LauncherError
from livestream_local.send.ids import with_id
from livestream_local.send.source import Line

REQUEST_TIMEOUT_SECONDS: Final = 60.0  # several times what ingest gives Kafka before it answers 503
GIVE_UP_SECONDS: Final = 120.0  # without progress; a restart of anything takes a fraction of it
# What goes on being wrong is told again after so long: as a sign of life, and not at each attempt.
REMIND_SECONDS: Final = 30.0
_KEPT_ERRORS: Final = 10

_TRY_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_ANSWERED_BY_ITEM: Final = frozenset({202, 207, 422})


class LineError(msgspec.Struct, frozen=True):
    """What ingest says of one line."""

    number: int
    field: str | None
    detail: str

    def __str__(self) -> str:
        where = f"line {self.number}, {self.field}" if self.field else f"line {self.number}"
        return f"{where}: {self.detail}"


class Tally(msgspec.Struct):
    """What became of the lines so far: `errors` are the first few, `last_line` is the last one that was answered."""

    accepted: int = 0
    refused: int = 0
    errors: list[LineError] = []
    last_line: int = 0


class _ItemError(msgspec.Struct):
    index: int
    detail: str
    field: str | None = None


class _Answer(msgspec.Struct):
    """The parts of ingest's answers that matter here: of its own JSON, and of its problem documents."""

    accepted: int = 0
    errors: list[_ItemError] = []
    title: str = ""
    detail: str = ""


_decode_answer = msgspec.json.Decoder(_Answer).decode


class Sender:
    """Sends lines to one ingest. A line without an `id` gets one here, so that sending it again is always safe."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        tally: Tally,
        *,
        notice: Callable[[str], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._url = f"{url.rstrip('/')}/v1/messages"
        self._tally = tally
        self._notice = notice
        self._pause = pause
        self._run_id = uuid.uuid4().hex
        self._told, self._told_at_s = "", 0.0

    async def send(self, lines: Sequence[Line]) -> None:
        """Returns when all are answered. Raises LauncherError where ingest will not take them, or nothing for long."""
        left = [Line(line.number, with_id(line.content, f"{self._run_id}-{line.number}")) for line in lines]
        clock = asyncio.get_running_loop().time
        give_up_at, waits = clock() + GIVE_UP_SECONDS, delays()
        while left:
            status, answer, retry_after_s, problem = await self._post(left)
            if status in _ANSWERED_BY_ITEM or (status == HTTPStatus.FORBIDDEN and answer.errors):
                self._count(left, answer)
                return
            if status not in _TRY_AGAIN:
                raise LauncherError(f"ingest refuses what it is sent: {problem}")
            if answer.accepted:
                give_up_at, waits = clock() + GIVE_UP_SECONDS, delays()
                left = self._count_leading(left, answer.accepted)
            wait_s = retry_after_s + next(waits)
            if clock() + wait_s > give_up_at:
                raise LauncherError(f"ingest has taken nothing for {GIVE_UP_SECONDS:.0f} s: {problem}")
            RETRIES.labels("send").inc()
            self._tell(problem, clock(), give_up_at)
            await self._pause(wait_s)

    def _tell(self, problem: str, now_s: float, give_up_at_s: float) -> None:
        if problem == self._told and now_s < self._told_at_s + REMIND_SECONDS:
            return
        self._told, self._told_at_s = problem, now_s
        self._notice(f"{problem}; trying again, for {give_up_at_s - now_s:.0f} s at most")

    async def _post(self, lines: Sequence[Line]) -> tuple[int, _Answer, float, str]:
        """Status (503 where there was none), answer, Retry-After in seconds, and what went wrong in words."""
        body = b"\n".join(line.content for line in lines)
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers={"Content-Type": "application/x-ndjson"},
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_SECONDS),
            ) as response:
                answer = _read_answer(await response.read())
                problem = f"{response.status} {answer.detail or answer.title or response.reason}"
                return response.status, answer, _seconds(response.headers.get("Retry-After")), problem
        except (aiohttp.ClientError, TimeoutError) as error:
            return 503, _Answer(), 0.0, f"{self._url} does not answer ({_reason(error)})"

    def _count(self, lines: Sequence[Line], answer: _Answer) -> None:
        self._tally.accepted += answer.accepted
        self._tally.refused += len(lines) - answer.accepted
        self._tally.last_line = lines[-1].number
        for error in answer.errors[: _KEPT_ERRORS - len(self._tally.errors)]:
            if 0 <= error.index < len(lines):
                self._tally.errors.append(LineError(lines[error.index].number, error.field, error.detail))

    def _count_leading(self, lines: Sequence[Line], accepted: int) -> list[Line]:
        self._tally.accepted += accepted
        self._tally.last_line = lines[min(accepted, len(lines)) - 1].number
        return list(lines[accepted:])


def _reason(error: aiohttp.ClientError | TimeoutError) -> str:
    """What the system says, where it says anything: aiohttp adds the address, which was named already."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else describe(error)


def _read_answer(body: bytes) -> _Answer:
    try:
        return _decode_answer(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Answer()  # a proxy's page, say: the status alone has to do


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0.0
