"""`python -m tests.screenshots --out DIR [--only PATTERN]`, on a stack of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from livestream_local.chromium import CHROMIUM_VARIABLE
from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.upstream import Upstream
from tests.screenshots.camera import Camera
from tests.screenshots.filling import fill
from tests.screenshots.scenes import Set, shoot_empty, shoot_pages, shoot_states
from tests.support.servers import EmbeddedServers
from tests.support.stacks import RunningStack, StartStack


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--only", default="*")
def main(out: Path, only: str) -> None:
    """Take a picture of every page and state."""
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        proxy = held.enter_context(CuttingProxy())
        stack = held.enter_context(_stack(proxy))
        playwright = held.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=os.environ.get(CHROMIUM_VARIABLE))
        held.callback(browser.close)
        place = Set(stack, proxy, Upstream(stack.ingest_url, stack.web_url), Camera(browser, stack.web_url, out), only)
        click.echo("pages without anything on them")
        shoot_empty(place)
        click.echo("pages")
        shoot_pages(place, fill(stack, place.upstream))
        click.echo("states")
        shoot_states(place)
    click.echo(f"{len(list(out.glob('*.png')))} pictures in {out}")


@contextmanager
def _stack(proxy: CuttingProxy) -> Iterator[RunningStack]:
    with tempfile.TemporaryDirectory(prefix="livestream-screenshots-") as folder:
        start = StartStack(EmbeddedServers, lambda: Path(folder))
        with start({"STREAM_URL": f":{proxy.port}"}) as stack:
            proxy.target_port = stack.ports.gateway
            yield stack


if __name__ == "__main__":
    main()
