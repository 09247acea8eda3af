"""API keys: who may write what, at a real ingest, while the file of keys changes."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from livestream.events import MESSAGES_TOPIC
from tests.support.ingest import Answer, IngestClient, ingest_client, read_log, running_ingest
from tests.support.waiting import wait_until_async

NOTICED_S = 10


class Keys:
    """`./live keys`, as an operator runs it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "livestream_local", "keys", *arguments, "--file", str(self.file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def create(self, owner: str, *options: str) -> str:
        return self.run("create", owner, *options).strip()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    made = Keys(tmp_path_factory.mktemp("keys") / "keys.json")
    made.create("everything")
    return made


@pytest.fixture(scope="module")
def ingest_url(kafka_bootstrap_servers: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    environment = {"API_KEYS_FILE": str(keys.file)}
    with running_ingest(kafka_bootstrap_servers, tmp_path_factory.mktemp("ingest"), environment) as url:
        yield url


@pytest.fixture
async def ingest(ingest_url: str) -> AsyncIterator[IngestClient]:
    async with ingest_client(ingest_url) as client:
        yield client


def message(channel: str, **fields: str) -> dict[str, str]:
    return {"channel": channel, "user": "ann", "text": "hi", **fields}


async def post(ingest: IngestClient, key: str | None, body: Any) -> Answer:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return await ingest.post(body, **headers)


async def noticed(ingest: IngestClient, key: str, channel: str, *, opens: bool = True) -> None:
    """Until ingest has read the file that makes it so."""

    async def is_so() -> bool:
        return ((await post(ingest, key, message(channel))).status == 202) is opens

    await wait_until_async(is_so, NOTICED_S, f"a key that {'opens' if opens else 'does not open'}")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer lsk",
        "Bearer lsk_",
        "Bearer lsk__",
        "Basic bHNrOmxzaw==",
        "Bearer lsk_0123456789_AAAA",
        "Bearer \udcff",
    ],
)
async def test_without_a_key_that_is_known_nobody_comes_in(
    ingest: IngestClient, unique: str, authorization: str | None
) -> None:
    headers: dict[str, Any] = {} if authorization is None else {"Authorization": authorization}
    requests = [
        ingest.post(message(unique), **headers),
        ingest.request("DELETE", f"/v1/channels/{unique}", **headers),
        ingest.request("DELETE", f"/v1/users/{unique}", **headers),
        ingest.request("PATCH", f"/v1/channels/{unique}/messages/1", b"{}", Content_Type="application/json", **headers),
    ]
    for answer in await asyncio.gather(*requests):
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_half_of_a_key_or_another_ones_half_does_not_open(ingest: IngestClient, keys: Keys, unique: str) -> None:
    one, other = keys.create("one"), keys.create("other")
    await noticed(ingest, other, unique)
    mixed = "_".join([*one.split("_")[:2], other.split("_", 2)[2]])
    for wrong in (one[:-1], one + "A", one.upper(), mixed):
        assert (await post(ingest, wrong, message(unique))).status == 401
    assert (await post(ingest, one, message(unique))).status == 202


async def test_a_key_writes_its_channels_only(
    ingest: IngestClient, keys: Keys, unique: str, kafka_bootstrap_servers: str
) -> None:
    key = keys.create("irc", "--channel", f"{unique}-own", "--channel", f"{unique}-irc-*")
    await noticed(ingest, key, f"{unique}-own")
    assert (await post(ingest, key, message(f"{unique}-irc-1"))).status == 202
    refused = await post(ingest, key, message(f"{unique}-other"))
    assert (refused.status, refused.errors) == (403, [(0, "channel")])
    mixed = await post(ingest, key, [message(f"{unique}-other"), message(f"{unique}-own", id="kept"), {}])
    assert (mixed.status, mixed.body["accepted"], mixed.body["ids"]) == (207, 1, ["kept"])
    assert (0, "channel") in mixed.errors
    authorized: dict[str, Any] = {"Authorization": f"Bearer {key}"}
    for method, path in (
        ("DELETE", f"/v1/channels/{unique}-other"),
        ("DELETE", f"/v1/channels/{unique}-other/messages/1"),
        ("DELETE", "/v1/users/ann"),
    ):
        assert (await ingest.request(method, path, **authorized)).status == 403, path
    assert (await ingest.request("DELETE", f"/v1/channels/{unique}-own/messages/kept", **authorized)).status == 202
    channels = {r.event["channel"] for r in await read_log(kafka_bootstrap_servers, MESSAGES_TOPIC)}
    assert f"{unique}-other" not in channels


async def test_a_key_is_rotated_and_revoked_without_a_restart(ingest: IngestClient, keys: Keys, unique: str) -> None:
    old = keys.create("rotated")
    await noticed(ingest, old, unique)
    new = keys.create("rotated")
    await noticed(ingest, new, unique)
    sent = [
        await ingest.post(message(unique), Authorization=f"Bearer {key}", Idempotency_Key="k") for key in (old, new)
    ]
    assert sent[0].body["ids"] == sent[1].body["ids"], "of the same upstream"
    keys.run("revoke", old.split("_")[1])
    await noticed(ingest, old, unique, opens=False)
    assert (await post(ingest, new, message(unique))).status == 202


async def test_an_expired_key_does_not_open(ingest: IngestClient, keys: Keys, unique: str) -> None:
    expired, lasting = keys.create("past", "--expires", "2026-01-01"), keys.create("lasting", "--expires", "2999-01-01")
    await noticed(ingest, lasting, unique)
    assert (await post(ingest, expired, message(unique))).status == 401


async def test_each_key_has_its_own_rate(ingest: IngestClient, keys: Keys, unique: str) -> None:
    slow, other = keys.create("slow", "--rate", "1"), keys.create("other")
    await noticed(ingest, slow, unique)
    refused = await post(ingest, slow, message(unique))
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await post(ingest, other, message(unique))).status == 202


async def test_a_file_that_was_spoiled_shuts_nobody_out_and_lets_nobody_in(
    ingest: IngestClient, keys: Keys, unique: str
) -> None:
    known = keys.create("known")
    await noticed(ingest, known, unique)
    good = keys.file.read_bytes()
    keys.file.write_bytes(b'{"keys": [{"id"')

    async def is_told() -> bool:
        return "livestream_ingest_keys_unreadable 1.0" in await ingest.get_text("/metrics")

    await wait_until_async(is_told, NOTICED_S)
    assert (await post(ingest, known, message(unique))).status == 202
    assert (await post(ingest, None, message(unique))).status == 401
    keys.file.write_bytes(good)
    later = keys.create("later")
    await noticed(ingest, later, unique)


def test_the_file_holds_no_key_and_nobody_else_writes_it(keys: Keys) -> None:
    key = keys.create("secret")
    assert key.split("_", 2)[2] not in keys.file.read_text()
    assert keys.file.stat().st_mode & 0o022 == 0
    assert "secret" in (listed := keys.run("list"))
    assert key.split("_", 2)[2] not in listed


async def test_what_only_looks_needs_no_key(ingest: IngestClient) -> None:
    for path in ("/livez", "/metrics", "/openapi.json"):
        assert await ingest.get_text(path)
    document = json.loads(await ingest.get_text("/openapi.json"))
    assert re.search("Bearer|bearer", json.dumps(document["components"]["securitySchemes"]))
