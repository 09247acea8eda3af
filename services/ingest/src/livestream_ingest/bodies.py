"""Whole bodies: read within bounds, and cut into items."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from livestream.events import explain_bad_json
from livestream.texts import mark_lone_surrogates
from livestream_ingest.answers import ProblemError
from livestream_ingest.budget import ByteBudget
from livestream_ingest.receipt import LogUnavailableError
from livestream_ingest.streams import BodyStream

T = TypeVar("T")

ARRAY_MAX_ITEMS: Final = 10_000
BODY_MAX_BYTES: Final = 16 * 1024 * 1024
# A body must be here as a whole before it can be read. Who needs longer for 16 MiB should send lines.
BODY_TIMEOUT_SECONDS: Final = 60.0
# Bodies up to this size need no place in the budget: aiohttp buffers as much for every connection anyway.
SMALL_BODY_BYTES: Final = 64 * 1024

_starts_array = re.compile(rb"[ \t\r\n]*\[").match
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


class BodyReader:
    """Reads bodies. `budget` bounds what the large ones of all requests take; each waits `wait_seconds` for it."""

    def __init__(self, budget: ByteBudget, wait_seconds: float) -> None:
        self._budget = budget
        self._wait_seconds = wait_seconds

    @staticmethod
    def at_hand(stream: BodyStream) -> bytes | None:
        """A small body, not empty, that nobody has to wait for; None where it is another one. Raises ProblemError.

        `whole` would answer the same, and cost a tenth of what a single post takes.
        """
        size = stream.known_bytes
        return _not_empty(stream.take()) if size and size <= SMALL_BODY_BYTES and stream.is_here else None

    @asynccontextmanager
    async def whole(self, stream: BodyStream) -> AsyncIterator[bytes]:
        """The body, which is not empty. Within the context its place in the budget is kept.

        Raises ProblemError, and LogUnavailableError where others take all the room.
        """
        size = stream.known_bytes
        if size is not None and size > BODY_MAX_BYTES:
            raise _too_large()
        pieces = stream.pieces()
        start = await _read_until(pieces, b"", SMALL_BODY_BYTES)
        if len(start) <= SMALL_BODY_BYTES:
            yield _not_empty(start)
            return
        reserved = BODY_MAX_BYTES if size is None else size
        await self._reserve(reserved)
        try:
            body = await _read_until(pieces, start, BODY_MAX_BYTES)
            if len(body) > BODY_MAX_BYTES:
                raise _too_large()
            yield body
        finally:
            self._budget.give_back(reserved)

    async def _reserve(self, size: int) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._budget.take(size)
        except TimeoutError:
            raise LogUnavailableError("too many large bodies are being read already") from None


def items_of(body: bytes) -> Sequence[msgspec.Raw]:
    """The elements of a JSON array, or the one value. Raises ProblemError where the body as a whole is not JSON."""
    if _starts_array(body) is None:
        return [one_item(body)]
    # So many small elements that they take far more memory than the body are let go at once, before anybody else runs.
    items = _decoded(_decode_array, body)
    if len(items) > ARRAY_MAX_ITEMS:
        detail = f"the array has {len(items)} items, not {ARRAY_MAX_ITEMS} at most; send more as application/x-ndjson"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return items


def one_item(body: bytes) -> msgspec.Raw:
    """The body as one JSON value. Raises ProblemError where it is none."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not UTF-8 (byte {error.start})") from None
    return _decoded(_decode_any, body)


def empty_body() -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, "the body is empty")


def _decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except RecursionError:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        # One bad string makes a decoder refuse all of it; marked, only its item is refused.
        marked = mark_lone_surrogates(body)
        if marked is not None:
            return _decoded(decode, marked)
        detail = f"the body is not readable as JSON: {explain_bad_json(error)}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail) from None


async def _read_until(pieces: AsyncIterator[bytes], start: bytes, more_than_bytes: int) -> bytes:
    """Read on from `start`, to the end or until there is more than that."""
    body = bytearray(start)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for piece in pieces:
                body += piece
                if len(body) > more_than_bytes:
                    break
    except TimeoutError:
        detail = f"the body did not arrive within {BODY_TIMEOUT_SECONDS:.0f} s"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail) from None
    return bytes(body)


def _not_empty(body: bytes) -> bytes:
    if not body.strip():
        raise empty_body()
    return body


def _too_large() -> ProblemError:
    detail = f"the body has more than {BODY_MAX_BYTES} bytes; send more as application/x-ndjson"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
