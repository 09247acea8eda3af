"""A fault of ours is answered with what it goes by in the log, and the log holds no names."""

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from structlog.testing import capture_logs

from livestream_ingest.errors import answer_problems
from livestream_web.failures import answer_failures

ROUTE = "/api/v1/users/{name}"
NAME = "ann-whom-no-log-holds"


async def fail(_: web.Request) -> web.Response:
    raise RuntimeError("a fault")


@pytest.mark.parametrize("middleware", [answer_problems, answer_failures], ids=["ingest", "web"])
async def test_answer_and_log_name_a_fault_alike(middleware: Any) -> None:
    app = web.Application(middlewares=[middleware])
    app.router.add_get(ROUTE, fail)
    with capture_logs() as logs:
        async with TestClient(TestServer(app)) as client, client.get(ROUTE.format(name=NAME)) as answer:
            problem = await answer.json()
    assert answer.status == 500
    (event,) = logs
    assert (event["event"], event["route"], event["instance"]) == ("request_failed", ROUTE, problem["instance"])
    assert problem["instance"].startswith("urn:uuid:")
    assert NAME not in repr({key: value for key, value in event.items() if key != "exc_info"})
