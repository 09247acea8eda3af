"""Changing some settings of a topic and leaving the others: `IncrementalAlterConfigs`, which aiokafka does not have.

The protocol: https://kafka.apache.org/protocol#The_Messages_IncrementalAlterConfigs
"""

from collections.abc import Mapping
from typing import Any, Final

from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from livestream.kafka import AIOKafkaClient

_TEXT: Final = String("utf-8")
_TOPIC: Final = 2
_SET: Final = 0


class _AlterResponse(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(("error_code", Int16), ("error_message", _TEXT), ("resource_type", Int8), ("resource_name", _TEXT)),
        ),
    )


class _AlterStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _AlterResponse
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                ("configs", Array(("name", _TEXT), ("operation", Int8), ("value", _TEXT))),
            ),
        ),
        ("validate_only", Boolean),
    )


class _Alter(Request[_AlterStruct]):  # type: ignore[misc]
    API_KEY = 44

    def __init__(self, topic: str, settings: Mapping[str, str]) -> None:
        self._resource = (_TOPIC, topic, [(name, _SET, value) for name, value in settings.items()])

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class([self._resource], False)


async def alter_topic(client: AIOKafkaClient, topic: str, settings: Mapping[str, str]) -> None:
    """Set these settings of `topic`. Raises aiokafka's KafkaError: with what the broker says, where it refuses."""
    response = await client.send(client.get_random_node(), _Alter(topic, settings))
    for code, message, *_ in response.responses:
        if code:
            raise for_code(code)(message)
