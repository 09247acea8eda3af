"""Edits and deletions over HTTP, and names that are awkward in paths."""

import asyncio
import unicodedata
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
from livestream.partitioning import partition_of
from livestream.times import to_ms
from tests.support.ingest import IngestClient, Logged, ingest_client, read_log, running_ingest

JSON = "application/json"
PARTITIONS = 12
ODD_NAMES = [
    "plain",
    "with space",
    "a/b",
    "%2F",
    "100%",
    "a?b=c&d",
    "#irc",
    "{braces}",
    "semi;colon",
    "plus+plus",
    "back\\slash",
    "…",
    "...",
    "👩‍👩‍👧‍👦",
    "שלום",
    "हिन्दी",
    "é",
    "e\u0301",
    "ﬁ",
    "'\"<b>",
    "n" * 200,
    "字" * 200,
]


@pytest.fixture(scope="module")
def ingest_url(kafka_bootstrap_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_ingest(kafka_bootstrap_servers, tmp_path_factory.mktemp("ingest")) as url:
        yield url


@pytest.fixture(scope="module")
async def ingest(ingest_url: str) -> AsyncIterator[IngestClient]:
    async with ingest_client(ingest_url) as client:
        yield client


def encoded(name: str) -> str:
    return quote(name, safe="")


def nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def place(record: Logged) -> tuple[int, int]:
    return record.partition, record.offset


async def test_every_name_reaches_the_log_in_nfc_under_its_key_in_its_partition(
    ingest: IngestClient, kafka_bootstrap_servers: str
) -> None:
    old_messages = {place(record) for record in await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC)}
    old_users = {place(record) for record in await read_log(kafka_bootstrap_servers, USERS_TOPIC)}
    for name in ODD_NAMES:
        path = f"/v1/channels/{encoded(name)}"
        posted = await ingest.post({"channel": name, "user": name, "text": name, "id": name})
        assert (posted.status, posted.body["ids"]) == (202, [name])
        edited = await ingest.request(
            "PATCH", f"{path}/messages/{encoded(name)}", b'{"text": "new"}', Content_Type=JSON
        )
        assert (edited.status, edited.body) == (202, {"accepted": 1, "ids": [name]})
        deleted = await ingest.request("DELETE", f"{path}/messages/{encoded(name)}")
        assert (deleted.status, deleted.body) == (202, {"accepted": 1, "ids": [name]})
        for gone in (path, f"/v1/users/{encoded(name)}"):
            answer = await ingest.request("DELETE", gone)
            assert (answer.status, answer.body) == (202, {"accepted": 1, "ids": []})

    by_channel: dict[str, list[Logged]] = {}
    for record in await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC):
        if place(record) not in old_messages:
            by_channel.setdefault(record.key, []).append(record)
    assert set(by_channel) == set(map(nfc, ODD_NAMES))
    for name, records in by_channel.items():
        assert {record.partition for record in records} == {partition_of(name, PARTITIONS)}
        assert {record.event["channel"] for record in records} == {name}
        types = ["message.posted", "message.edited", "message.deleted", "channel.deleted"]
        assert [record.event["type"] for record in records] == types * sum(nfc(each) == name for each in ODD_NAMES)
    all_users = await read_log(kafka_bootstrap_servers, USERS_TOPIC)
    users = [record for record in all_users if place(record) not in old_users]
    assert [record.key for record in users] == [record.event["user"] for record in users] == list(map(nfc, ODD_NAMES))
    assert {record.event["type"] for record in users} == {"user.deleted"}


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/channels/%00", "channel"),
        ("/v1/channels/%C2%85", "channel"),
        ("/v1/channels/%FF", "channel"),
        ("/v1/channels/%ED%A0%80", "channel"),
        ("/v1/channels/" + "n" * 201, "channel"),
        ("/v1/channels/%2E%2E", "channel"),
        ("/v1/channels/c/messages/%0A", "id"),
        ("/v1/users/%0a", "user"),
    ],
)
async def test_bad_names_in_paths_are_named(ingest: IngestClient, path: str, field: str) -> None:
    answer = await ingest.request("DELETE", path)
    assert (answer.status, answer.errors) == (422, [(0, field)])


@pytest.mark.parametrize(
    ("body", "status", "errors"),
    [
        (b"{", 400, []),
        (b"", 400, []),
        (b"{}", 422, [(0, "text")]),
        (b"[]", 422, [(0, None)]),
        (rb'{"text": "\ud800"}', 422, [(0, "text")]),
        (b'{"text": "\\u0000"}', 422, [(0, "text")]),
        (b'{"text": "t", "ts": "9000-01-01T00:00:00Z"}', 422, [(0, "ts")]),
        (b'{"text": "' + b"x" * 16_385 + b'"}', 422, [(0, "text")]),
        (b" " * (16 * 2**20 + 1), 413, []),
    ],
)
async def test_bad_edits_are_explained(ingest: IngestClient, body: bytes, status: int, errors: list[Any]) -> None:
    answer = await ingest.request("PATCH", "/v1/channels/c/messages/1", body, Content_Type=JSON)
    assert (answer.status, answer.errors) == (status, errors)


async def test_an_edit_must_be_json(ingest: IngestClient) -> None:
    answer = await ingest.request("PATCH", "/v1/channels/c/messages/1", b"text", Content_Type="text/plain")
    assert answer.status == 415


async def test_what_is_posted_after_a_deletion_was_answered_is_later_than_it(
    ingest: IngestClient, kafka_bootstrap_servers: str
) -> None:
    names = [f"d-{uuid.uuid4().hex}" for _ in range(30)]

    async def delete_and_post(name: str) -> None:
        for _ in range(5):
            assert (await ingest.request("DELETE", f"/v1/channels/{name}")).status == 202
            assert (await ingest.post({"channel": name, "user": "u", "text": "back"})).status == 202

    await asyncio.gather(*map(delete_and_post, names))
    records = await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC)
    for name in names:
        deleted_ms = -1
        mine = sorted((r for r in records if r.key == name), key=lambda each: each.offset)
        assert len(mine) == 10
        for record in mine:
            time_ms = min(_ts_ms(record), record.append_ms)
            assert time_ms > deleted_ms
            if record.event["type"] == "channel.deleted":
                deleted_ms = time_ms


def _ts_ms(record: Logged) -> int:
    return to_ms(datetime.fromisoformat(record.event["ts"]))
