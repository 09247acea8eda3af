"""Whoever goes on without Postgres knows all that a client raises where it is away."""

import re
from pathlib import Path

import asyncpg
import pytest

from livestream.clients import POSTGRES_FAILURES

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("shared", "services", "deploy") for path in (ROOT / folder).rglob("src/**/*.py")]


@pytest.mark.parametrize(
    "raised",
    [
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle of an operation"),
        asyncpg.DiskFullError("full"),
        asyncpg.InterfaceError("connection is closed"),
        # A killed server's connections raise it now and then: told their end, and not aware of it yet.
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
)
def test_it_is_known(raised: Exception) -> None:
    assert isinstance(raised, POSTGRES_FAILURES)


def test_nobody_keeps_a_list_of_their_own() -> None:
    caught = re.compile(r"(?:except|Final) [^\n]*asyncpg\.(?:PostgresError|InterfaceError)")
    assert len(SOURCES) > 100
    assert [str(path) for path in SOURCES if caught.search(path.read_text("utf-8"))] == []
