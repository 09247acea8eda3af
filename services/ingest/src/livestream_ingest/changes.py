"""Edits and deletions: one event each, named by the path."""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web

from livestream import times
from livestream.events import (
    ChannelDeleted,
    Defaults,
    Event,
    MessageDeleted,
    Rejected,
    UserDeleted,
    check_future,
    parse_value,
)
from livestream.texts import check_id, check_name
from livestream_ingest import answers
from livestream_ingest.answers import ItemError
from livestream_ingest.bodies import BodyReader, one_item
from livestream_ingest.door import Caller, caller_of
from livestream_ingest.log_writer import LogWriter
from livestream_ingest.rate_limit import TokenBucket
from livestream_ingest.receipt import LogUnavailableError
from livestream_ingest.streams import BodyStream, unsupported_type

EDIT_CONTENT_TYPES: Final = ("application/json", "application/merge-patch+json")

# A deletion hides what is not later than it, in whole milliseconds, by the event's own time and by the log's. After two
# milliseconds, both clocks show another millisecond than they did for the deletion, wherever they stood within it.
AFTER_DELETION_SECONDS: Final = 0.002
_CLOCK_POLL_SECONDS: Final = 0.001

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Changes:
    """Answers when the event is on the log."""

    def __init__(
        self, writer: LogWriter, bodies: BodyReader, bucket: TokenBucket, clock_timeout_seconds: float
    ) -> None:
        self._writer = writer
        self._bodies = bodies
        self._bucket = bucket
        self._clock_timeout_seconds = clock_timeout_seconds

    async def edit_message(self, request: web.Request) -> web.Response:
        if request.content_type not in EDIT_CONTENT_TYPES:
            raise unsupported_type(EDIT_CONTENT_TYPES)
        names = {"channel": _channel(request), "id": _id(request)}
        async with self._bodies.whole(BodyStream(request)) as body:
            event = _edit(one_item(body), names)
        await self._append(event, caller_of(request))
        return answers.accepted([names["id"]])

    async def delete_message(self, request: web.Request) -> web.Response:
        event = MessageDeleted(_channel(request), _id(request), times.now_ms())
        await self._append(event, caller_of(request))
        return answers.accepted([event.id])

    async def delete_channel(self, request: web.Request) -> web.Response:
        return await self._delete(ChannelDeleted(_channel(request), times.now_ms()), caller_of(request))

    async def delete_user(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        if not caller.may_write_all:
            raise answers.forbidden(
                "a user's deletion takes messages from all channels: this API key may not write all"
            )
        user = _path_part(request, _NAME_SEGMENT, "user", check_name)
        return await self._delete(UserDeleted(user, times.now_ms()), caller)

    async def _delete(self, event: ChannelDeleted | UserDeleted, caller: Caller) -> web.Response:
        await self._append(event, caller)
        await self._until_later_than(event.ts_ms)
        return answers.accepted([])

    async def _append(self, event: Event, caller: Caller) -> None:
        if wait_seconds := caller.bucket.take(1) or self._bucket.take(1):
            raise answers.too_many_items(wait_seconds)
        receipt = await self._writer.submit_event(event)
        try:
            await receipt.wait()
        finally:
            receipt.give_up()

    async def _until_later_than(self, deletion_ms: int) -> None:
        """What is posted from now on, without a `ts`, must be visible: so whoever deleted hears of it only then."""
        earliest = time.monotonic() + AFTER_DELETION_SECONDS
        try:
            async with asyncio.timeout(self._clock_timeout_seconds):
                while time.monotonic() < earliest or times.now_ms() <= deletion_ms:  # noqa: ASYNC110 - clocks do not call
                    await asyncio.sleep(_CLOCK_POLL_SECONDS)
        except TimeoutError:
            raise LogUnavailableError("the clock of this machine went back during the deletion") from None


def _edit(body: msgspec.Raw, names: dict[str, str]) -> Event:
    """Raises ProblemError. What the path says wins over the body."""
    try:
        fields = _decode_object(body)
    except msgspec.DecodeError:
        raise answers.nothing_valid([ItemError(0, None, "must be an object with `text`")]) from None
    value = msgspec.json.encode({**fields, **names})
    arrival_ms = times.now_ms()
    event = parse_value(value, type_="message.edited", defaults=Defaults(arrival_ms, lambda: names["id"]))
    if not isinstance(event, Rejected):
        future = check_future(event, arrival_ms)
        if future is None:
            return event
        event = future
    raise answers.nothing_valid([ItemError(0, event.field, event.detail)])


# Where names stand: /v1/channels/{name}/messages/{id}
_NAME_SEGMENT: Final = 3
_ID_SEGMENT: Final = 5


def _channel(request: web.Request) -> str:
    channel = _path_part(request, _NAME_SEGMENT, "channel", check_name)
    if not caller_of(request).may_write(channel):
        raise answers.forbidden("this API key may not write that channel")
    return channel


def _id(request: web.Request) -> str:
    return _path_part(request, _ID_SEGMENT, "id", check_id)


def _path_part(request: web.Request, segment: int, field: str, check: Callable[[str], str]) -> str:
    """Decoded here, since aiohttp leaves bytes that are not UTF-8 as they are written: `%FF` would be a name."""
    encoded = request.rel_url.raw_path.split("/")[segment]
    try:
        return check(unquote_to_bytes(encoded.encode("utf-8", "surrogateescape")).decode())
    except UnicodeDecodeError:
        raise answers.invalid_field(field, "must be UTF-8, percent-encoded") from None
    except ValueError as error:
        raise answers.invalid_field(field, str(error)) from None
