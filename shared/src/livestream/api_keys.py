"""The keys by which upstream systems write, and the file that holds them: never a key itself, only its digest.

A key is `lsk_<id>_<secret>`: the id finds it, the secret has 256 random bits. So one round of SHA-256 keeps it safe;
what is slow on purpose protects what people can remember.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from livestream import times
from livestream.texts import check_name

_PREFIX: Final = "lsk"
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
# Of a file in which nothing is secret: services that run as somebody else read it.
_MODE: Final = 0o644
# Stands for the rest of a name, at its end only.
_ANY: Final = "*"


class KeysError(Exception):
    """The file of keys cannot be used; the message says why."""


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who may write what. Keys with the same `owner` are one upstream system, before and after a rotation.

    `channels`: names, or beginnings of names with `*` behind. `per_second`: items a second, 0 for no limit. Times are
    milliseconds since 1970 UTC.
    """

    id: str
    owner: str
    sha256: str
    channels: tuple[str, ...] = (_ANY,)
    per_second: float = 0.0
    created_ms: int = 0
    expires_ms: int | None = None

    def may_write(self, channel: str) -> bool:
        return any(
            channel.startswith(allowed[:-1]) if allowed.endswith(_ANY) else channel == allowed
            for allowed in self.channels
        )

    @property
    def may_write_all(self) -> bool:
        """As the deletion of a user does."""
        return _ANY in self.channels

    def is_expired(self, now_ms: int) -> bool:
        return self.expires_ms is not None and self.expires_ms <= now_ms


class _File(msgspec.Struct):
    keys: list[ApiKey] = []


class KeyRing:
    """Keys by their ids."""

    def __init__(self, keys: Sequence[ApiKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}

    @property
    def keys(self) -> list[ApiKey]:
        """In the order in which they were made."""
        return list(self._keys.values())

    def find(self, presented: str, now_ms: int) -> ApiKey | None:
        """The key that this is, unless it has expired."""
        prefix, _, rest = presented.partition("_")
        id_, _, secret = rest.partition("_")
        key = self._keys.get(id_)
        digest = _digest(secret)
        if key is None or prefix != _PREFIX or key.is_expired(now_ms):
            return None
        return key if hmac.compare_digest(digest, key.sha256) else None

    def with_new(
        self, owner: str, channels: Sequence[str] = (_ANY,), per_second: float = 0.0, expires_ms: int | None = None
    ) -> tuple["KeyRing", str]:
        """A ring that has one more, and that key, which is told only here. Raises KeysError."""
        id_, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        key = ApiKey(id_, owner, _digest(secret), tuple(channels), per_second, times.now_ms(), expires_ms)
        _check(key)
        return KeyRing([*self.keys, key]), f"{_PREFIX}_{id_}_{secret}"

    def without(self, id_: str) -> "KeyRing":
        """Raises KeysError where there is no such key."""
        if id_ not in self._keys:
            raise KeysError(f"there is no key {id_}")
        return KeyRing([key for key in self.keys if key.id != id_])


def read_keys(path: Path) -> KeyRing:
    """Raises KeysError, and FileNotFoundError."""
    try:
        keys = msgspec.json.decode(path.read_bytes(), type=_File).keys
    except FileNotFoundError:
        raise
    except (OSError, msgspec.DecodeError) as error:
        raise KeysError(f"{path} cannot be read: {error}") from None
    for key in keys:
        _check(key)
    if len({key.id for key in keys}) < len(keys):
        raise KeysError(f"{path} has an id twice")
    return KeyRing(keys)


def change_keys(path: Path, change: Callable[[KeyRing], KeyRing]) -> None:
    """Readers see the file as it was before or as it is after. Raises KeysError."""
    try:
        ring = read_keys(path)
    except FileNotFoundError:
        ring = KeyRing()
    content = msgspec.json.format(msgspec.json.encode(_File(change(ring).keys)), indent=2) + b"\n"
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise KeysError(f"{path} cannot be written: {error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _check(key: ApiKey) -> None:
    try:
        check_name(key.owner)
        for channel in key.channels:
            if channel != _ANY:
                check_name(channel.removesuffix(_ANY))
    except ValueError as error:
        raise KeysError(f"key {key.id}: its owner and channels must be names: {error}") from None
    if not key.channels or key.per_second < 0:
        raise KeysError(f"key {key.id}: it needs channels, and a rate of at least 0")
