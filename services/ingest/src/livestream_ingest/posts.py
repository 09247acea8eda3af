"""`POST /v1/messages`: which form a body has, and how its items become events."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import msgspec
from aiohttp import web

from livestream.events import STRUCTURED_CONTENT_TYPE
from livestream_ingest import answers
from livestream_ingest.answers import ProblemError
from livestream_ingest.bodies import BodyReader, empty_body, items_of, one_item
from livestream_ingest.door import Caller, caller_of
from livestream_ingest.ids import IdSource, derived_ids, fresh_ids
from livestream_ingest.intake import Intake, Item, Read
from livestream_ingest.lines import read_lines
from livestream_ingest.log_writer import LogWriter
from livestream_ingest.rate_limit import TokenBucket
from livestream_ingest.readers import binary_cloud_event, read_cloud_event, read_object
from livestream_ingest.receipt import LogUnavailableError
from livestream_ingest.shutdown import Shutdown
from livestream_ingest.streams import BodyStream, unsupported_type

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"
CONTENT_TYPES: Final = (JSON, NDJSON, STRUCTURED_CONTENT_TYPE, CLOUD_EVENTS)
CLOUD_EVENT_HEADER_PREFIX: Final = "ce-"

# Longer ones are mistakes; what clients use are UUIDs and hashes.
IDEMPOTENCY_KEY_MAX_CHARACTERS: Final = 255


class Form(msgspec.Struct, frozen=True):
    """One of the forms in which messages come. `is_stream`: lines; else a whole body, perhaps with an array."""

    read: Read
    is_stream: bool = False
    has_array: bool = False

    def items(self, body: bytes) -> Sequence[Item]:
        """Of a whole body. Raises ProblemError."""
        return items_of(body) if self.has_array else [one_item(body)]


class Posts:
    """Takes messages in all forms."""

    def __init__(self, writer: LogWriter, bodies: BodyReader, bucket: TokenBucket, shutdown: Shutdown) -> None:
        self._writer = writer
        self._bodies = bodies
        self._bucket = bucket
        self._shutdown = shutdown

    async def post(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        form, stream, new_id = _form_of(request), BodyStream(request), _ids_for(request, caller)
        intake = Intake(self._writer, form.read, new_id, caller)
        try:
            early_end = await self._take_all(stream, form, intake, caller)
            await intake.finish()
            if early_end is not None:
                raise early_end.after(intake.leading)
        except LogUnavailableError as error:
            raise answers.unavailable(str(error), intake.leading) from None
        finally:
            intake.give_up()
        if intake.errors and not intake.good:
            is_forbidden = intake.forbidden == intake.items
            raise answers.nothing_valid(intake.errors, intake.items, is_forbidden=is_forbidden)
        return answers.accepted(intake.ids, intake.good, intake.errors)

    async def _take_all(self, stream: BodyStream, form: Form, intake: Intake, caller: Caller) -> ProblemError | None:
        """Answers what went wrong after a part was taken already."""
        try:
            if form.is_stream:
                async for items in read_lines(stream, self._shutdown):
                    await self._take(items, intake, caller)
            elif (body := self._bodies.at_hand(stream)) is not None:
                await self._take(form.items(body), intake, caller)
            else:
                async with self._bodies.whole(stream) as body:
                    await self._take(form.items(body), intake, caller)
        except ProblemError as problem:
            if not intake.items:
                raise
            return problem
        if form.is_stream and not intake.items:
            raise empty_body()
        return None

    async def _take(self, items: Sequence[Item], intake: Intake, caller: Caller) -> None:
        if wait_seconds := caller.bucket.take(len(items)) or self._bucket.take(len(items)):
            raise answers.too_many_items(wait_seconds)
        await intake.take(items)


def _form_of(request: web.Request) -> Form:
    """Raises ProblemError (415)."""
    has_binary_event = any(name[:3].lower() == CLOUD_EVENT_HEADER_PREFIX for name in request.headers)
    content_type = request.content_type
    if content_type == STRUCTURED_CONTENT_TYPE:
        form = Form(read_cloud_event)
    elif content_type == CLOUD_EVENTS:
        form = Form(read_cloud_event, has_array=True)
    elif has_binary_event and (content_type == JSON or "Content-Type" not in request.headers):
        form = Form(binary_cloud_event(_attributes_of(request)))
    elif content_type == JSON and not has_binary_event:
        form = Form(read_object, has_array=True)
    elif content_type == NDJSON and not has_binary_event:
        form = Form(read_object, is_stream=True)
    else:
        raise unsupported_type((JSON,) if has_binary_event else CONTENT_TYPES)
    return form


def _attributes_of(request: web.Request) -> dict[str, str]:
    """The HTTP binding percent-encodes what headers cannot carry."""
    start = len(CLOUD_EVENT_HEADER_PREFIX)
    return {
        name.lower()[start:]: unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith(CLOUD_EVENT_HEADER_PREFIX)
    }


def _ids_for(request: web.Request, caller: Caller) -> IdSource:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return fresh_ids
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX_CHARACTERS:
        detail = f"Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_MAX_CHARACTERS} characters, has {len(key)}"
        raise ProblemError(HTTPStatus.BAD_REQUEST, detail)
    # Not of one key: who has a new one may send again what was sent under the old one.
    return derived_ids(caller.owner, key)
