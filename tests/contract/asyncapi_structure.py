"""The form of an AsyncAPI 3.0 document as a JSON Schema, as far as ours uses it: https://www.asyncapi.com/docs/reference/specification/v3.0.0

Objects may have the fields that the specification fixes for them and no others, so that a misspelled one is found.
Schemas within are checked as JSON Schema.
"""

from typing import Any, Final

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_ANY: Final[Schema] = {}
_REFERENCE: Final[Schema] = {
    "type": "object",
    "required": ["$ref"],
    "properties": {"$ref": {"type": "string", "pattern": "^#/"}},
    "additionalProperties": False,
}
_NAME: Final = {"pattern": "^[a-zA-Z0-9_.-]+$"}
_MEDIA_TYPE: Final[Schema] = {"type": "string", "pattern": "^[a-z]+/[a-z0-9.+-]+$"}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


def _map_of(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": _NAME, "additionalProperties": values}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _or_reference(value: Schema) -> Schema:
    return {"if": {"required": ["$ref"]}, "then": _REFERENCE, "else": value}


_SCHEMA: Final[Schema] = {"$ref": "http://json-schema.org/draft-07/schema#"}
_VERSION: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"}

_INFO = _object({"title": _TEXT, "version": _VERSION}, description=_TEXT)
_SERVER = _object({"host": _TEXT, "protocol": _TEXT}, description=_TEXT)
_PARAMETER = _object({}, description=_TEXT, enum=_list_of(_TEXT), default=_TEXT, examples=_list_of(_TEXT))

_TOPIC_CONFIGURATION: Final[Schema] = {
    "type": "object",
    "required": ["cleanup.policy"],
    "properties": {
        "cleanup.policy": _list_of({"enum": ["compact", "delete"]}),
        "retention.ms": {"type": "integer", "minimum": -1},
        "max.message.bytes": {"type": "integer", "minimum": 0},
        "retention.bytes": {"type": "integer", "minimum": -1},
        "max.compaction.lag.ms": {"type": "integer", "minimum": 1},
    },
}
_KAFKA = {"bindingVersion": {"const": "0.5.0"}}
_HTTP = {"bindingVersion": {"const": "0.3.0"}}
_TOPIC_BINDING = _object(
    {**_KAFKA, "topic": _TEXT, "partitions": {"type": "integer", "minimum": 1}},
    topicConfiguration=_TOPIC_CONFIGURATION,
)
_CHANNEL_BINDINGS = _object({"kafka": _TOPIC_BINDING})
_OPERATION_BINDINGS = _object({"http": _object({**_HTTP, "method": {"const": "GET"}}, query=_SCHEMA)})
_MESSAGE_BINDINGS = _object(
    {},
    kafka=_object({**_KAFKA, "key": _SCHEMA}),
    http=_object({**_HTTP, "headers": _SCHEMA}, statusCode={"type": "integer"}),
)

_CHANNEL = _object(
    {"address": _TEXT, "messages": _map_of(_REFERENCE), "servers": _list_of(_REFERENCE)},
    title=_TEXT, description=_TEXT, parameters=_map_of(_PARAMETER), bindings=_or_reference(_CHANNEL_BINDINGS),
)  # fmt: skip
_OPERATION = _object(
    {"action": {"enum": ["send", "receive"]}, "channel": _REFERENCE, "messages": _list_of(_REFERENCE)},
    title=_TEXT, description=_TEXT, bindings=_or_reference(_OPERATION_BINDINGS),
)  # fmt: skip
_EXAMPLE = _object({"name": _TEXT, "payload": _ANY}, summary=_TEXT, headers={"type": "object"})
_MESSAGE = _object(
    {"name": _TEXT, "title": _TEXT, "payload": _SCHEMA, "examples": _list_of(_EXAMPLE)},
    description=_TEXT, contentType=_MEDIA_TYPE, headers=_SCHEMA, bindings=_or_reference(_MESSAGE_BINDINGS),
)  # fmt: skip
_COMPONENTS = _object(
    {},
    messages=_map_of(_MESSAGE),
    schemas=_map_of(_SCHEMA),
    operationBindings=_map_of(_OPERATION_BINDINGS),
    messageBindings=_map_of(_MESSAGE_BINDINGS),
)

STRUCTURE: Final[Schema] = _object(
    {
        "asyncapi": {"const": "3.0.0"},
        "info": _INFO,
        "servers": _map_of(_SERVER),
        "channels": _map_of(_CHANNEL),
        "operations": _map_of(_OPERATION),
        "components": _COMPONENTS,
    },
    id={"type": "string", "format": "uri"},
    defaultContentType=_MEDIA_TYPE,
)
