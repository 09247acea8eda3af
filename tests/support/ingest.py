"""Ingest as a process of one's own, a client that holds every answer against /openapi.json, and a look at the log."""

import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiokafka import AIOKafkaConsumer
from jsonschema import Draft202012Validator
from yarl import URL

from livestream_ingest.openapi import DOCUMENT
from livestream_local.ports import free_ports
from livestream_local.services import Service
from tests.support.supervised import Supervised

OPENAPI: dict[str, Any] = json.loads(DOCUMENT)
_PROBLEM: dict[str, Any] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_POLL_MS = 500


@contextmanager
def running_ingest(
    kafka_bootstrap_servers: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """A process beside the shared servers; gives its URL."""
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers, **(environment or {})}
    service = Service("ingest", "livestream_ingest", free_ports().ingest, settings)
    with Supervised([[service]], folder / "logs"):
        yield service.url


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def errors(self) -> list[tuple[int, str | None]]:
        """Index and field of each."""
        return [(error["index"], error["field"]) for error in self.body.get("errors", [])]


class IngestClient:
    """Sends requests; an answer that /openapi.json does not describe fails the test."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def request(
        self, method: str, path: str, body: bytes | AsyncIterator[bytes] | None = None, **headers: str
    ) -> Answer:
        """`path` as it goes over the wire; underscores in names of `headers` are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self._url + path, encoded=True)
        skip = [] if "Content-Type" in named else ["Content-Type"]
        data = io.BytesIO(body) if isinstance(body, bytes) else body
        async with self._session.request(method, url, data=data, headers=named, skip_auto_headers=skip) as response:
            answer = Answer(response.status, response.headers, json.loads(await response.read()))
            _check_documented(method, path, answer, response.content_type)
            return answer

    async def post(self, body: object, content_type: str = "application/json", **headers: str) -> Answer:
        """Bytes and streams as they are, anything else as JSON."""
        raw = isinstance(body, bytes) or hasattr(body, "__aiter__")
        data: Any = body if raw else json.dumps(body).encode()
        return await self.request("POST", "/v1/messages", data, Content_Type=content_type, **headers)

    async def post_lines(self, *lines: object, **headers: str) -> Answer:
        body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        return await self.post(body, "application/x-ndjson", **headers)

    async def get_text(self, path: str) -> str:
        async with self._session.get(self._url + path) as response:
            return await response.text()


@asynccontextmanager
async def ingest_client(url: str) -> AsyncIterator[IngestClient]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield IngestClient(session, url)


class Logged(NamedTuple):
    """One record of the log."""

    partition: int
    offset: int
    append_ms: int
    key: str
    event: dict[str, Any]


async def read_log(kafka_bootstrap_servers: str, topic: str) -> list[Logged]:
    """All that is there now, each partition in order."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Logged] = []
        while sum(ends.values()) > len(found):
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                found += [
                    Logged(r.partition, r.offset, r.timestamp, r.key.decode(), json.loads(r.value)) for r in records
                ]
        return found
    finally:
        await consumer.stop()


def _check_documented(method: str, path: str, answer: Answer, content_type: str) -> None:
    operation = _operation(method, path)
    if operation is None:
        content = _PROBLEM
    else:
        assert str(answer.status) in operation["responses"], f"{method} {path} does not document {answer.status}"
        response = _resolved(operation["responses"][str(answer.status)])
        content = response["content"]
        for name, header in response.get("headers", {}).items():
            value = answer.headers[name]
            is_number = header["schema"]["type"] == "integer"
            Draft202012Validator(header["schema"]).validate(int(value) if is_number else value)
    assert content_type in content, f"{method} {path} answers {content_type}"
    schema = {**content[content_type]["schema"], "components": OPENAPI["components"]}
    Draft202012Validator(schema).validate(answer.body)


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in OPENAPI["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            operation: dict[str, Any] | None = operations.get(method.lower())
            return operation
    return None


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found = OPENAPI
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found
