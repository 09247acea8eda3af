"""What services log: one line an event, in JSON, from the level on that was asked for."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from livestream.logs import configure_logs, get_logger


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Logs are set up for a whole process."""
    root = logging.getLogger()
    handlers, level, configuration = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configuration)
    structlog.contextvars.clear_contextvars()


def test_an_event_is_a_line_with_its_service_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("ingest", "json", "info")
    get_logger("some.module").warning("batch_failed", lane="messages.v1/3")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert event.pop("timestamp")
    assert event == {
        "event": "batch_failed",
        "lane": "messages.v1/3",
        "level": "warning",
        "logger": "some.module",
        "service": "ingest",
    }


def test_what_is_below_the_level_costs_no_rendering(capsys: pytest.CaptureFixture[str]) -> None:
    class Costly:
        def __repr__(self) -> str:
            raise AssertionError("rendered")

    configure_logs("gateway", "json", "info")
    get_logger("some.module").debug("stream_opened", stream=Costly())
    logging.getLogger("a.library").debug("nothing")
    assert capsys.readouterr().err == ""
