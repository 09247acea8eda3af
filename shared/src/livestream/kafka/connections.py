"""No broker that goes away stops a client: `tell_of_closed_connections` changes how aiokafka sends.

uvloop raises RuntimeError where something is written to a transport that is closed already, and aiokafka expects
OSError (aio-libs/aiokafka#1038). What it does not expect ends the task in which it happens. Where that is the one that
asks for metadata, the client waits for them for ever: it neither reads nor sends any more, and says nothing.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError


def tell_of_closed_connections() -> None:
    """For all clients of the process: a request on a closed connection raises KafkaConnectionError under any loop."""
    for name in ("send", "_send_sasl_token"):
        setattr(AIOKafkaConnection, name, _told(getattr(AIOKafkaConnection, name)))


def _told(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def send_or_say(connection: Any, *args: Any, **options: Any) -> Any:
        try:
            return send(connection, *args, **options)
        except KafkaError:
            raise
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error

    return send_or_say
