"""A request's body as it comes: the one way to read it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from livestream_ingest.answers import ProblemError
from livestream_ingest.decompression import CONTENT_ENCODINGS, BrokenStreamError, Decompressor

CHARSETS: Final = ("utf-8", "us-ascii")


class BodyStream:
    """Bytes, decompressed. Needs an application without aiohttp's own decompression.

    That takes a gzip stream that was cut off for a complete one, and answers what it cannot read in its own way.
    Raises ProblemError (415) for what we cannot read.
    """

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if self._encoding not in (*CONTENT_ENCODINGS, "identity"):
            names = ", ".join(CONTENT_ENCODINGS)
            raise _unsupported(f"Content-Encoding must be absent or one of {names}", {"Accept-Encoding": names})
        charset = request.charset
        if charset is not None and charset.lower() not in CHARSETS:
            raise _unsupported(f"charset must be absent or one of {', '.join(CHARSETS)}")

    @property
    def known_bytes(self) -> int | None:
        """Its length, if that is known from the start."""
        return self._request.content_length if self._encoding == "identity" else None

    @property
    def is_here(self) -> bool:
        """Whether the body, of a known length, has arrived as a whole: small ones come along with their headers."""
        content = self._request.content
        return self.known_bytes is not None and content.is_eof() and content.exception() is None

    def take(self) -> bytes:
        """All of a body that is here."""
        return self._request.content.read_nowait()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What has arrived, until the end. Raises ProblemError (400) where the body is broken."""
        try:
            if self._encoding == "identity":
                while piece := await self._request.content.readany():
                    yield piece
            else:
                async for piece in self._decompressed(Decompressor(self._encoding)):
                    yield piece
        except (HttpProcessingError, web.RequestPayloadError, BrokenStreamError) as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is broken: {error}") from None

    async def _decompressed(self, decompressor: Decompressor) -> AsyncIterator[bytes]:
        while compressed := await self._request.content.readany():
            for piece in decompressor.feed(compressed):
                yield piece
                await asyncio.sleep(0)  # others have their turn, however much comes out of these few bytes
        if rest := decompressor.end():
            yield rest


def unsupported_type(content_types: Sequence[str]) -> ProblemError:
    names = ", ".join(content_types)
    return _unsupported(f"Content-Type must be {'one of ' if len(content_types) > 1 else ''}{names}", {"Accept": names})


def _unsupported(detail: str, headers: Mapping[str, str] | None = None) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers=headers)
