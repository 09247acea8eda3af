"""Fixtures for pytest-playwright: which Chromium it drives. Tests that use `page` are plain functions, never async."""

import os
from typing import Any

import pytest

from livestream_local.chromium import CHROMIUM_VARIABLE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last: from the first of them on, Playwright's own loop runs in the main thread, and
    no async test could run there beside it."""
    items.sort(key=lambda item: "playwright" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get(CHROMIUM_VARIABLE)
    return {**browser_type_launch_args, "executable_path": chromium} if chromium else browser_type_launch_args
