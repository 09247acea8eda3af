"""Who comes in: by API keys, from a file that is read again when it changes, or everybody where there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from livestream import times
from livestream.api_keys import ApiKey, KeyRing, KeysError, read_keys
from livestream.logs import get_logger
from livestream_ingest.answers import ProblemError
from livestream_ingest.metrics import KEYS, KEYS_UNREADABLE, TURNED_AWAY
from livestream_ingest.rate_limit import TokenBucket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# A key that was taken away still opens for so long.
_LOOK_EVERY_SECONDS: Final = 1.0
_SCHEME: Final = "bearer"

_log = get_logger(__name__)


class Caller:
    """Who sends a request. Without keys everybody is the same caller, who may write everything."""

    def __init__(self, key: ApiKey | None = None) -> None:
        self.key = key
        self.owner = key.owner if key else ""
        self.bucket = TokenBucket(key.per_second if key else 0.0)

    @property
    def may_write_all(self) -> bool:
        return self.key is None or self.key.may_write_all

    def may_write(self, channel: str) -> bool:
        return self.key is None or self.key.may_write(channel)


_CALLER: Final = web.RequestKey("caller", Caller)


def caller_of(request: web.Request) -> Caller:
    """Who the door let in."""
    return request[_CALLER]


class Door:
    """`admit` is a middleware. `path` is None where everybody may come in."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._anybody = Caller()
        self._ring = KeyRing()
        self._callers: dict[str, Caller] = {}
        # What was read last, None where that cannot be used; and what is wrong with it.
        self._seen: tuple[int, int, int] | None = None
        self._problem = ""
        if path is not None:
            self._look(path)

    async def run(self) -> None:
        """Look at the file every second; runs until it is cancelled."""
        while self._path is not None:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            self._look(self._path)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What only looks (health, metrics, documents) is open. Raises ProblemError (401)."""
        if request.method != "GET":
            request[_CALLER] = self._identify(request)
        return await handler(request)

    def _identify(self, request: web.Request) -> Caller:
        if self._path is None:
            return self._anybody
        scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != _SCHEME:
            raise _turned_away("no-key", "this takes an API key: `Authorization: Bearer lsk_…`")
        key = self._ring.find(presented.strip(), times.now_ms())
        if key is None:
            raise _turned_away("wrong-key", "this API key is unknown, revoked or expired")
        return self._callers[key.id]

    def _look(self, path: Path) -> None:
        """What cannot be read leaves the keys as they were: a mistake there lets nobody in, and shuts nobody out."""
        try:
            seen = _version(path)
            if seen == self._seen:
                return
            self._take(read_keys(path))
        except (KeysError, OSError) as error:
            if self._problem != str(error):
                self._problem = str(error)
                _log.error("keys_unreadable", error=self._problem)
            self._seen = None
        else:
            self._seen, self._problem = seen, ""
            _log.info("keys_read", keys=len(self._ring.keys))
        KEYS_UNREADABLE.set(self._seen is None)

    def _take(self, ring: KeyRing) -> None:
        before, self._ring = self._callers, ring
        # Whose key is as it was goes on with what is left of its rate.
        self._callers = {
            key.id: caller if (caller := before.get(key.id)) and caller.key == key else Caller(key) for key in ring.keys
        }
        KEYS.set(len(self._callers))


def _version(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def _turned_away(reason: str, detail: str) -> ProblemError:
    TURNED_AWAY.labels(reason).inc()
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="ingest"'})
