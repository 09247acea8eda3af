"""Ids for what was posted without one."""

import hashlib
from collections.abc import Callable
from typing import Final
from uuid import UUID

import uuid_utils

IdSource = Callable[[int], str]
"""The id of the item with this index in its request."""

_VERSION_8: Final = 0x8  # RFC 9562: for ids that are derived in a way of one's own
_VARIANT: Final = 0b10


def fresh_ids(_index: int) -> str:
    """A UUIDv7: it sorts by time, which keeps indexes over ids compact."""
    return str(uuid_utils.uuid7())


def derived_ids(api_key: str, idempotency_key: str) -> IdSource:
    """Ids that are the same whenever the same request is sent again, and differ between the owners of keys."""
    base = hashlib.sha256()
    for part in (api_key, idempotency_key):
        content = part.encode("utf-8", "surrogateescape")
        base.update(len(content).to_bytes(4, "big") + content)

    def derive(index: int) -> str:
        digest = base.copy()
        digest.update(index.to_bytes(8, "big"))
        bits = int.from_bytes(digest.digest()[:16], "big")
        bits = bits & ~(0xF << 76) | _VERSION_8 << 76
        bits = bits & ~(0b11 << 62) | _VARIANT << 62
        return str(UUID(int=bits))

    return derive
