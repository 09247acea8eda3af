"""The ways in which messages come to ingest, each telling what became of every item."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.support.ingest import IngestClient

JSON, NDJSON = "application/json", "application/x-ndjson"
CLOUD_EVENT, CLOUD_EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
ENVELOPE = {"specversion": "1.0", "type": "message.posted", "source": "/tests", "id": "1"}
BINARY = {f"ce_{name}": value for name, value in ENVELOPE.items()}

# What became of an item: nothing to tell where it was taken, or the field for which it was refused.
Outcomes = list[str | None]
TAKEN = None
UNREADABLE = "(the whole)"


def message(channel: str, id_: str = "1", **fields: Any) -> dict[str, Any]:
    return {"channel": channel, "user": "ann", "text": id_, "id": id_, "ts": "2026-01-02T03:04:05Z", **fields}


def encoded(value: object) -> bytes:
    """As Python writes it: lone surrogates become escapes, which are JSON."""
    return json.dumps(value).encode()


def outcomes_of(status: int, body: dict[str, Any], count: int) -> Outcomes:
    if status == 400:
        return [UNREADABLE] * count
    assert status in (202, 207, 422)
    errors = {error["index"]: error["field"] or UNREADABLE for error in body.get("errors", [])}
    assert body.get("accepted", 0) == count - len(errors)
    return [errors.get(index, TAKEN) for index in range(count)]


async def by_array(ingest: IngestClient, items: Sequence[bytes]) -> Outcomes:
    answer = await ingest.post(b"[" + b",".join(items) + b"]")
    return outcomes_of(answer.status, answer.body, len(items))


async def by_lines(ingest: IngestClient, items: Sequence[bytes]) -> Outcomes:
    answer = await ingest.post(b"\n".join(items), NDJSON)
    return outcomes_of(answer.status, answer.body, len(items))


def enveloped(item: bytes) -> bytes:
    return encoded(ENVELOPE)[:-1] + b', "data": ' + item + b"}"


async def by_batch(ingest: IngestClient, items: Sequence[bytes]) -> Outcomes:
    answer = await ingest.post(b"[" + b",".join(map(enveloped, items)) + b"]", CLOUD_EVENTS)
    return outcomes_of(answer.status, answer.body, len(items))


async def by_structured_events(ingest: IngestClient, items: Sequence[bytes]) -> Outcomes:
    answers = [await ingest.post(enveloped(item), CLOUD_EVENT) for item in items]
    return [outcome for answer in answers for outcome in outcomes_of(answer.status, answer.body, 1)]


async def by_binary_events(ingest: IngestClient, items: Sequence[bytes]) -> Outcomes:
    answers = [await ingest.post(item, JSON, **BINARY) for item in items]
    return [outcome for answer in answers for outcome in outcomes_of(answer.status, answer.body, 1)]


Way = Callable[[IngestClient, Sequence[bytes]], Awaitable[Outcomes]]
WAYS: list[Way] = [by_array, by_lines, by_batch, by_structured_events, by_binary_events]
