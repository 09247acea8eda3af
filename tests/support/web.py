"""A client of web that holds every answer of the API against /openapi.json."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any, NamedTuple

import aiohttp
from jsonschema import Draft202012Validator
from yarl import URL

from livestream.events import MessagePosted
from tests.support.kafka_log import kafka_log
from tests.support.stacks import RunningStack
from tests.support.upstream_events import PARTITIONS
from tests.support.waiting import wait_until_async

OPENAPI: dict[str, Any] = json.loads(resources.files("livestream_web").joinpath("openapi.json").read_bytes())


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


class WebClient:
    """Asks with paths as they go over the wire."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.get(URL(self.url + path, encoded=True), headers=named) as response:
            answer = Answer(response.status, response.headers, await response.text())
        if path.startswith("/api/"):
            check_documented(path, answer)
        return answer

    async def items(self, path: str) -> list[Any]:
        """All pages of a list of the API."""
        found: list[Any] = []
        page: str | None = ""
        while page is not None:
            more = f"{'&' if '?' in path else '?'}page={page}" if page else ""
            body = (await self.get(path + more)).body
            found += body["items"]
            page = body["next"]
        return found

    async def wait_for_messages(self, count: int) -> None:
        """Until that many are visible."""

        async def shown() -> bool:
            answer = await self.get("/api/v1/summary")
            return answer.status == 200 and answer.body["totals"]["messages"] == count

        await wait_until_async(shown, 30, f"{count} visible messages")


@asynccontextmanager
async def web_client(url: str) -> AsyncIterator[WebClient]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield WebClient(session, url)


@asynccontextmanager
async def filled_web(stack: RunningStack, messages: Sequence[MessagePosted]) -> AsyncIterator[WebClient]:
    """A client of an empty stack's web, once it shows these messages."""
    async with kafka_log(stack.kafka_bootstrap_servers, PARTITIONS) as log, web_client(stack.web_url) as client:
        await log.append(messages)
        await client.wait_for_messages(len(messages))
        yield client


def check_documented(path: str, answer: Answer) -> None:
    """Fails where the description does not know the answer."""
    bare = path.partition("?")[0]
    found = [
        operations["get"]
        for template, operations in OPENAPI["paths"].items()
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), bare)
    ]
    if found:
        responses = found[0]["responses"]
        assert str(answer.status) in responses, f"{path} answers {answer.status}, which is not described"
        response = _resolved(responses[str(answer.status)])
    else:
        response = _resolved({"$ref": "#/components/responses/NotFound"})
    content_type = answer.headers["Content-Type"].partition(";")[0]
    schema = {**response["content"][content_type]["schema"], "components": OPENAPI["components"]}
    Draft202012Validator(schema).validate(answer.body)
    assert answer.headers["Cache-Control"] == "no-store"
    for name, header in response.get("headers", {}).items():
        if header["schema"].get("type") == "integer":
            Draft202012Validator(header["schema"]).validate(int(answer.headers[name]))


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = OPENAPI
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
