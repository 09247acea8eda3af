"""The event contract: what may stand on the log, and how a record is read.

`parse_value` and `parse_record` are pure: bytes in, an event or a `Rejected` out. Times are milliseconds
since 1970 UTC. Shapes and limits: docs/asyncapi.yaml.
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec

from livestream import times
from livestream.texts import check_id, check_label, check_name, check_text, mark_lone_surrogates

T = TypeVar("T")

MESSAGES_TOPIC: Final = "messages.v1"
USERS_TOPIC: Final = "users.v1"
DEAD_LETTER_TOPIC: Final = "messages.v1.dead-letter"

# An upstream's clock may be fast by this much; beyond it an event would sit on top of every list until then.
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000


class MessagePosted(msgspec.Struct, frozen=True, gc=False):
    """A message appeared in a channel."""

    channel: str
    id: str
    user: str
    text: str
    ts_ms: int
    channel_display_name: str | None = None
    user_display_name: str | None = None


class MessageEdited(msgspec.Struct, frozen=True, gc=False):
    """A message has a new text from `ts_ms` on."""

    channel: str
    id: str
    text: str
    ts_ms: int


class MessageDeleted(msgspec.Struct, frozen=True, gc=False):
    """A message is gone for good, whether it is on the log yet or not."""

    channel: str
    id: str
    ts_ms: int


class ChannelDeleted(msgspec.Struct, frozen=True, gc=False):
    """Everything in a channel up to `ts_ms` is gone."""

    channel: str
    ts_ms: int


class UserDeleted(msgspec.Struct, frozen=True, gc=False):
    """Everything a user wrote up to `ts_ms`, in every channel, is gone."""

    user: str
    ts_ms: int


MessageEvent = MessagePosted | MessageEdited | MessageDeleted | ChannelDeleted
Event = MessageEvent | UserDeleted


class Rejected(msgspec.Struct, frozen=True):
    """Why something is not an event.

    `reason` is a dead letter's reason; `field` is None where the whole is unreadable.
    """

    reason: str
    detail: str
    field: str | None = None


class _FieldError(Exception):
    def __init__(self, field: str, detail: str, reason: str = "invalid") -> None:
        super().__init__(detail)
        self.rejected = Rejected(reason, detail, field)


class _Wire(msgspec.Struct):
    """The union of all events' fields as JSON has them. Unknown fields are ignored, so that upstreams may add some."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    channel: str | msgspec.UnsetType = msgspec.UNSET
    user: str | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    ts: Annotated[datetime, msgspec.Meta(tz=True)] | msgspec.UnsetType = msgspec.UNSET
    channel_display_name: str | None = None
    user_display_name: str | None = None


class Defaults(msgspec.Struct, frozen=True):
    """What ingest fills in where an upstream left it out; on the log itself nothing is filled in."""

    ts_ms: int
    new_id: Callable[[], str]


_decode_wire = msgspec.json.Decoder(_Wire).decode


def parse_value(
    value: bytes | msgspec.Raw, *, type_: str | None = None, defaults: Defaults | None = None
) -> Event | Rejected:
    """Read one JSON object. `type_` (a CloudEvent's) wins over the object's own."""
    wire = _decode(_decode_wire, value)
    if isinstance(wire, Rejected):
        return wire
    kind = wire.type if type_ is None else type_
    builder = _BUILDERS.get("message.posted" if isinstance(kind, msgspec.UnsetType) else kind)
    if builder is None:
        return Rejected("unknown-type", f"must be one of {', '.join(_BUILDERS)}", "type")
    try:
        return builder(wire, defaults)
    except _FieldError as error:
        return error.rejected


def parse_record(topic: str, value: bytes | None, headers: Iterable[tuple[str, bytes | None]] = ()) -> Event | Rejected:
    """Read one record of the log: plain JSON, or a CloudEvent in structured or binary mode."""
    if value is None:
        return Rejected("bad-json", "the record has no value")
    event = _parse_envelope(value, headers) if headers else parse_value(value)
    if isinstance(event, Rejected):
        return event
    if isinstance(event, UserDeleted) != (topic == USERS_TOPIC):
        return Rejected("wrong-topic", f"this type does not belong on {topic}", "type")
    return event


def check_future(event: Event, append_ms: int) -> Rejected | None:
    """Refuse an event that claims to come from later than the log's own clock allows."""
    ahead_ms = event.ts_ms - append_ms
    if ahead_ms <= FUTURE_TOLERANCE_MS:
        return None
    return Rejected(
        "future-ts", f"is {ahead_ms} ms after the time of arrival, at most {FUTURE_TOLERANCE_MS} are allowed", "ts"
    )


def encode_event(event: Event) -> bytes:
    """The plain JSON that `parse_value` reads."""
    ts = times.format_ms(event.ts_ms)
    # Spelled out, since ingest does this for every message: a general loop over the fields takes three times as long.
    match event:
        case MessagePosted(channel, id_, user, text, _, channel_name, user_name):
            return _encode(_PostedWire("message.posted", channel, id_, user, text, ts, channel_name, user_name))
        case MessageEdited(channel, id_, text, _):
            return _encode({"type": "message.edited", "channel": channel, "id": id_, "text": text, "ts": ts})
        case MessageDeleted(channel, id_, _):
            return _encode({"type": "message.deleted", "channel": channel, "id": id_, "ts": ts})
        case ChannelDeleted(channel, _):
            return _encode({"type": "channel.deleted", "channel": channel, "ts": ts})
        case UserDeleted(user, _):
            return _encode({"type": "user.deleted", "user": user, "ts": ts})


_encode = msgspec.json.Encoder().encode


class _PostedWire(msgspec.Struct, omit_defaults=True, gc=False):
    type: str
    channel: str
    id: str
    user: str
    text: str
    ts: str
    channel_display_name: str | None = None
    user_display_name: str | None = None


class CloudEvent(msgspec.Struct):
    """A CloudEvent 1.0 in the JSON format, as far as we read it. `data` stays undecoded."""

    specversion: str
    type: str
    source: str
    id: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | msgspec.UnsetType = msgspec.UNSET


_decode_cloud_event = msgspec.json.Decoder(CloudEvent).decode

STRUCTURED_CONTENT_TYPE: Final = "application/cloudevents+json"


def parse_cloud_event(value: bytes | msgspec.Raw, defaults: Defaults | None = None) -> Event | Rejected:
    """Read one CloudEvent in structured mode."""
    envelope = _decode(_decode_cloud_event, value)
    if isinstance(envelope, Rejected):
        return envelope
    if not envelope.type:
        return Rejected("invalid", "is required", "type")
    if envelope.specversion != "1.0":
        return Rejected("invalid", "must be `1.0`", "specversion")
    if not isinstance(envelope.data, msgspec.UnsetType):
        return _within("data", parse_value(envelope.data, type_=envelope.type, defaults=defaults))
    if isinstance(envelope.data_base64, msgspec.UnsetType):
        return Rejected("invalid", "is required", "data")
    try:
        data = base64.b64decode(envelope.data_base64, validate=True)
    except ValueError:  # binascii.Error is one; another says that it is not ASCII
        return Rejected("invalid", "is not base64", "data_base64")
    return _within("data_base64", parse_value(data, type_=envelope.type, defaults=defaults))


def _within(field: str, event: Event | Rejected) -> Event | Rejected:
    """What is wrong with the whole of `field`'s value is wrong with this field."""
    return msgspec.structs.replace(event, field=field) if isinstance(event, Rejected) and not event.field else event


def parse_binary_cloud_event(
    attributes: Mapping[str, str], value: bytes, defaults: Defaults | None = None
) -> Event | Rejected:
    """Read one CloudEvent in binary mode; `attributes` are its headers without their prefix, names in lower case."""
    for name in ("specversion", "type", "source", "id"):
        if not attributes.get(name):
            return Rejected("invalid", "is required", f"ce-{name}")
    if attributes["specversion"] != "1.0":
        return Rejected("invalid", "must be `1.0`", "ce-specversion")
    return parse_value(value, type_=attributes["type"], defaults=defaults)


def _parse_envelope(value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> Event | Rejected:
    named = {name.lower(): content.decode("utf-8", "replace") for name, content in headers if content is not None}
    if named.get("content-type", "").lower().startswith(STRUCTURED_CONTENT_TYPE):
        return parse_cloud_event(value)
    attributes = {name[3:]: content for name, content in named.items() if name.startswith("ce_")}
    return parse_binary_cloud_event(attributes, value) if attributes else parse_value(value)


def _posted(wire: _Wire, defaults: Defaults | None) -> MessagePosted:
    return MessagePosted(
        channel=_name("channel", wire.channel),
        id=defaults.new_id() if defaults and wire.id is msgspec.UNSET else _checked("id", wire.id, check_id),
        user=_name("user", wire.user),
        text=_checked("text", wire.text, check_text),
        ts_ms=_time(wire, defaults),
        channel_display_name=_label("channel_display_name", wire.channel_display_name),
        user_display_name=_label("user_display_name", wire.user_display_name),
    )


def _edited(wire: _Wire, defaults: Defaults | None) -> MessageEdited:
    return MessageEdited(
        channel=_name("channel", wire.channel),
        id=_checked("id", wire.id, check_id),
        text=_checked("text", wire.text, check_text),
        ts_ms=_time(wire, defaults),
    )


def _deleted(wire: _Wire, defaults: Defaults | None) -> MessageDeleted:
    return MessageDeleted(_name("channel", wire.channel), _checked("id", wire.id, check_id), _time(wire, defaults))


def _channel_deleted(wire: _Wire, defaults: Defaults | None) -> ChannelDeleted:
    return ChannelDeleted(_name("channel", wire.channel), _time(wire, defaults))


def _user_deleted(wire: _Wire, defaults: Defaults | None) -> UserDeleted:
    return UserDeleted(_name("user", wire.user), _time(wire, defaults))


_BUILDERS: Final[dict[str, Callable[[_Wire, Defaults | None], Event]]] = {
    "message.posted": _posted,
    "message.edited": _edited,
    "message.deleted": _deleted,
    "channel.deleted": _channel_deleted,
    "user.deleted": _user_deleted,
}

TYPE_NAMES: Final[dict[type[Event], str]] = {
    MessagePosted: "message.posted",
    MessageEdited: "message.edited",
    MessageDeleted: "message.deleted",
    ChannelDeleted: "channel.deleted",
    UserDeleted: "user.deleted",
}


def _checked(field: str, value: str | msgspec.UnsetType, check: Callable[[str], str]) -> str:
    if isinstance(value, msgspec.UnsetType):
        raise _FieldError(field, "is required")
    try:
        return check(value)
    except ValueError as error:
        raise _FieldError(field, str(error)) from None


def _name(field: str, value: str | msgspec.UnsetType) -> str:
    return _checked(field, value, check_name)


def _label(field: str, value: str | None) -> str | None:
    return None if value is None else _checked(field, value, check_label)


def _time(wire: _Wire, defaults: Defaults | None) -> int:
    if isinstance(wire.ts, msgspec.UnsetType):
        if defaults is None:
            raise _FieldError("ts", "is required")
        return defaults.ts_ms
    try:
        return times.to_ms(wire.ts)
    except ValueError as error:
        raise _FieldError("ts", str(error)) from None


def _decode(decode: Callable[[bytes | msgspec.Raw], T], value: bytes | msgspec.Raw) -> T | Rejected:
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        return _explain(error)
    except RecursionError:
        return Rejected("bad-json", "is nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        marked = mark_lone_surrogates(bytes(value))
        if marked is not None:
            return _decode(decode, marked)
        return Rejected("bad-json", f"not readable as JSON: {explain_bad_json(error)}")


def explain_bad_json(error: msgspec.DecodeError | UnicodeDecodeError) -> str:
    """What a decoder of JSON says, without its own words for it; completes a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    said = str(error).removeprefix("JSON is malformed: ")
    return "it ends too early" if said == "Input data was truncated" else said


_MISSING_FIELD = re.compile(r"missing required field `(\w+)`")
_WRONG_TYPE = re.compile(r"Expected `([a-z |]+)`, got `(\w+)`")
# msgspec has Python's names for what JSON calls otherwise.
_JSON_KINDS: Final = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "null": "null",
    "object": "an object",
    "array": "an array",
    "datetime": "a string such as 2026-01-02T03:04:05Z",
}
_CLEARER: Final = {
    "Expected `datetime` with a timezone component": "must end in `Z` or an offset from UTC: 2026-01-02T03:04:05Z",
    "Invalid RFC3339 encoded datetime": "is not a time of RFC 3339, such as 2026-01-02T03:04:05Z",
}


def _explain(error: msgspec.ValidationError) -> Rejected:
    """msgspec ends its messages with where: `Expected `str`, got `int` - at `$.user``."""
    detail, _, path = str(error).partition(" - at `$")
    if missing := _MISSING_FIELD.search(detail):
        return Rejected("invalid", "is required", missing[1])
    if wrong := _WRONG_TYPE.fullmatch(detail):
        expected = " or ".join(_JSON_KINDS.get(kind, kind) for kind in wrong[1].split(" | "))
        detail = f"must be {expected}, not {_JSON_KINDS.get(wrong[2], wrong[2])}"
    clear = _CLEARER.get(detail) or detail[:1].lower() + detail[1:]
    return Rejected("invalid", clear, path.rstrip("`").lstrip(".") or None)
