"""A broker that goes away is an error that aiokafka knows, under any loop, and nobody's client goes without that."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from livestream import kafka
from livestream_local.paths import ROOT


async def closed_connection() -> AIOKafkaConnection:
    """To a broker that is gone, which the task that reads from it has not come to notice."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        connection = AIOKafkaConnection(host, port, request_timeout_ms=1000)
        connection._versions = {MetadataRequest.API_KEY: (0, 0)}
        connection._reader, connection._writer = await asyncio.open_connection(host, port)
        connection._read_task = asyncio.ensure_future(asyncio.Event().wait())
        connection._writer.transport.abort()
        await asyncio.sleep(0)
        return connection


@pytest.mark.parametrize(
    "send",
    [lambda connection: connection.send(MetadataRequest([])), lambda connection: connection._send_sasl_token(b"token")],
    ids=["request", "sasl"],
)
def test_a_request_on_a_connection_that_is_closed_is_a_broken_connection(
    send: Callable[[AIOKafkaConnection], object],
) -> None:
    async def run() -> None:
        connection = await closed_connection()
        with pytest.raises(KafkaConnectionError, match="handler is closed"):
            send(connection)
        assert not connection.connected()

    uvloop.run(run())


def test_everybody_takes_clients_with_these_mends() -> None:
    names = "|".join(kafka.__all__)
    taken = [
        path
        for path in sources()
        if re.search(rf"^from livestream.kafka import .*({names})", path.read_text(), re.MULTILINE)
    ]
    assert len(taken) > 3
    direct = re.compile(rf"^(from aiokafka\S* import .*\b({names})\b|import aiokafka)", re.MULTILINE)
    assert [path for path in sources() if direct.search(path.read_text())] == [Path(kafka.__file__)]


def sources() -> Iterator[Path]:
    for folder in ("shared", "services", "deploy"):
        yield from (ROOT / folder).rglob("src/**/*.py")
