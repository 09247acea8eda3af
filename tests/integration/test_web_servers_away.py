"""Without a read model, or with a server away, web says so, and goes on by itself."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator

import pytest

from livestream.clients import redis_client
from livestream.events import MessagePosted
from tests.support.stacks import RunningStack, StartStack
from tests.support.waiting import wait_until_async
from tests.support.web import WebClient, filled_web

PATHS = ["/", "/messages", "/users/ann", "/api/v1/messages", "/api/v1/users/ann"]


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack(only=["projector", "web"]) as running:
        yield running


@pytest.fixture(scope="module")
async def web(stack: RunningStack) -> AsyncIterator[WebClient]:
    async with filled_web(stack, [MessagePosted("room", "1", "ann", "hello", 1_700_000_000_000)]) as client:
        yield client


async def expect_unavailable(web: WebClient, paths: list[str], *, says: str) -> None:
    for answer in await asyncio.gather(*(web.get(path) for path in paths)):
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert says in answer.text
    assert (await web.get("/livez")).status == 200


async def test_without_an_epoch_it_says_that_it_is_being_rebuilt(stack: RunningStack, web: WebClient) -> None:
    stack.stop("projector")
    redis = redis_client(stack.redis_url)
    await redis.flushall()
    await redis.aclose()
    await expect_unavailable(web, PATHS, says="being loaded")
    assert (await web.get("/readyz")).status == 200
    stack.start("projector")
    await web.wait_for_messages(1)
    assert (await web.get("/")).status == 200


@pytest.mark.parametrize(("server", "paths"), [("valkey", PATHS), ("postgres", ["/users/ann", "/api/v1/messages"])])
async def test_a_server_that_is_away_is_told_and_found_again(
    stack: RunningStack, web: WebClient, server: str, paths: list[str]
) -> None:
    check = {"valkey": "redis"}.get(server, server)
    stack.stop(server)
    await expect_unavailable(web, paths, says="cannot be reached")
    ready = await web.get("/readyz")
    assert ready.status == 503
    assert ready.body["checks"][check] != "ok"
    status, said = await probed(str(stack.ports.web))
    assert (status, check in said) == (1, True), "as health checks of containers see it"
    stack.start(server)

    async def answers_again() -> bool:
        return all([(await web.get(path)).status == 200 for path in paths])

    await wait_until_async(answers_again, 60, "answers after the server's return")
    assert await probed(str(stack.ports.web)) == (0, "")


async def probed(port: str) -> tuple[int | None, str]:
    """Exit status, and what was said."""
    command = (sys.executable, "-m", "livestream.probe")
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "PORT": port}, stderr=PIPE)
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_probe_says_what_it_lacks(stack: RunningStack) -> None:
    assert await probed("") == (2, "PORT is '', but must be that of the service\n")
    assert (await probed(str(stack.ports.ingest)))[0] == 1, "nothing listens there"


async def test_a_server_that_hangs_is_told_in_time(stack: RunningStack, web: WebClient) -> None:
    stack.pause("valkey")
    try:
        async with asyncio.timeout(10):
            await expect_unavailable(web, ["/", "/api/v1/summary"], says="cannot be reached")
    finally:
        stack.resume("valkey")

    async def answers_again() -> bool:
        return (await web.get("/")).status == 200

    await wait_until_async(answers_again, 60, "answers after the server's return")
