"""One item's JSON, in each of the forms that messages come in, to the post that goes to the log."""

from collections.abc import Mapping
from typing import Final

import msgspec

from livestream.events import (
    Defaults,
    Event,
    MessagePosted,
    Rejected,
    check_future,
    encode_event,
    parse_binary_cloud_event,
    parse_cloud_event,
    parse_value,
)
from livestream_ingest.intake import Read
from livestream_ingest.plain import Post, read_plain

_NOT_A_POST: Final = Rejected(
    "unknown-type", "must be `message.posted` here; edits and deletions have routes of their own", "type"
)


def read_object(item: bytes | msgspec.Raw, defaults: Defaults) -> Post | Rejected:
    """A plain object."""
    return read_plain(item, defaults) or _post_of(parse_value(item, defaults=defaults), defaults)


def read_cloud_event(item: bytes | msgspec.Raw, defaults: Defaults) -> Post | Rejected:
    """A CloudEvent in structured mode."""
    return _post_of(parse_cloud_event(item, defaults), defaults)


def binary_cloud_event(attributes: Mapping[str, str]) -> Read:
    """Reads the object to which a request's headers gave `attributes`."""

    def read(item: bytes | msgspec.Raw, defaults: Defaults) -> Post | Rejected:
        return _post_of(parse_binary_cloud_event(attributes, bytes(item), defaults), defaults)

    return read


def _post_of(event: Event | Rejected, defaults: Defaults) -> Post | Rejected:
    if isinstance(event, Rejected):
        return event
    if not isinstance(event, MessagePosted):
        return _NOT_A_POST
    return check_future(event, defaults.ts_ms) or Post(event.id, event.channel, encode_event(event))
