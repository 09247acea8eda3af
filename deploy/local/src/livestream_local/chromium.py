"""A Chromium for the browser tests: the system's, else Playwright's, else Debian's package."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click

from livestream_local.errors import LauncherError

SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The fonts let pictures of pages show every script that the tests post.
DEBIAN_PACKAGES = ("chromium", "fonts-noto-core", "fonts-noto-color-emoji", "fonts-noto-cjk")
INSTALL_TIMEOUT_S = 900

CHROMIUM_VARIABLE = "LIVESTREAM_CHROMIUM"
"""Tells the tests the path of a Chromium; unset, they take the one that Playwright has."""


def ensure_chromium() -> str | None:
    """Returns the path of a system's Chromium, or None where Playwright has its own.

    Raises LauncherError if there is none and none can be installed.
    """
    ways: tuple[Callable[[], bool], ...] = (_install_with_playwright, _install_with_apt)
    if (system := _system_chromium()) is not None:
        return system
    if _playwright_has_one():
        return None
    for install in ways:
        if install():
            return _system_chromium()
    raise LauncherError(
        "the browser tests need Chromium, and it could be installed neither by Playwright nor by apt. "
        "Install chromium by hand, or run the other tiers by name, such as: ./live test unit integration"
    )


def _system_chromium() -> str | None:
    return next((path for name in SYSTEM_NAMES if (path := shutil.which(name))), None)


def _playwright_has_one() -> bool:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (slow to import, and rarely needed)

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def _install_with_playwright() -> bool:
    return _run("installing Chromium with Playwright", [sys.executable, "-m", "playwright", "install", "chromium"])


def _install_with_apt() -> bool:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *DEBIAN_PACKAGES]
    return _run("reading Debian's package lists", ["apt-get", "update"]) and _run("installing Chromium", install)


def _run(step: str, command: list[str]) -> bool:
    click.echo(f"live: {step}", err=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            env=environment,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
