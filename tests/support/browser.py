"""Fixtures for pytest-playwright: which Chromium it drives."""

import os
from typing import Any

import pytest

CHROMIUM_VARIABLE = "LIVESTREAM_CHROMIUM"
"""The path of a Chromium, set by `./live test`; without it, the one that Playwright installed is used."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get(CHROMIUM_VARIABLE)
    return {**browser_type_launch_args, "executable_path": chromium} if chromium else browser_type_launch_args
