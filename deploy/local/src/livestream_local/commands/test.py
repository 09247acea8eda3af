"""`./live test`: pytest over the tiers, on real servers and a real browser."""

import os
import sys
from itertools import takewhile

import click

from livestream_local.chromium import CHROMIUM_VARIABLE, ensure_chromium
from livestream_local.errors import LauncherError
from livestream_local.paths import ROOT

TESTS = ROOT / "tests"
BROWSER_TIER = "e2e"
NO_TIERS = frozenset({"support", "screenshots"})
# Much of the suite waits: for time-outs, for servers that start. Two processes share its files, each with servers of
# its own; in the order of collection, so that what needs a browser comes last in both (tests/support/browser.py).
IN_TWO_PROCESSES = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--backend",
    type=click.Choice(["embedded", "containers"]),
    default="embedded",
    show_default=True,
    help="Where Kafka, Postgres and Valkey come from; containers need a Docker engine.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[TIER]... [PYTEST ARGUMENTS]...")
def command(backend: str, arguments: tuple[str, ...]) -> None:
    """Run the tests: all, or the tiers named (folders of tests/). Everything else goes to pytest.

    Where nothing goes there, two processes share the work.
    """
    if backend == "containers":
        _require_docker()
    tiers = _tiers()
    # Only what leads the others is a tier: further on, the same word may be the value of one of pytest's options.
    chosen = list(takewhile(tiers.__contains__, arguments))
    rest = arguments[len(chosen) :]
    if BROWSER_TIER in tiers and (not chosen or BROWSER_TIER in chosen) and (chromium := ensure_chromium()):
        os.environ[CHROMIUM_VARIABLE] = chromium
    paths = [str(TESTS / tier) for tier in chosen]
    shared = () if rest else IN_TWO_PROCESSES
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", f"--backend={backend}", *shared, *paths, *rest])  # noqa: S606


def _tiers() -> set[str]:
    return {folder.name for folder in TESTS.iterdir() if folder.is_dir() and folder.name[0] not in "._"} - NO_TIERS


def _require_docker() -> None:
    import docker  # noqa: PLC0415 (comes with testcontainers, and is needed for nothing else)

    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        raise LauncherError(
            f"--backend containers needs a Docker engine, and none answers ({error}). "
            "Without it, run ./live test: the same servers run embedded."
        ) from None
