"""Pages and streams at one origin, behind the proxy as it is deployed, with two gateways and two of ingest."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from livestream_local.plan import Scale
from tests.e2e.looks import expect_state, open_live, texts
from tests.e2e.upstream import Upstream
from tests.support.caddy import Origin, caddy
from tests.support.stacks import RunningStack, StartStack

GATEWAYS = ("gateway", "gateway-2")


@pytest.fixture(scope="module")
def stack(start_stack: StartStack) -> Iterator[RunningStack]:
    with start_stack({"STREAM_URL": "/"}, scale=Scale(ingests=2, gateways=2)) as running:
        yield running


@pytest.fixture(scope="module")
def origin(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with caddy(stack, tmp_path_factory.mktemp("caddy")) as origin:
        yield origin


@pytest.fixture(params=["http", "https"])
def page(request: pytest.FixtureRequest, browser: Browser, origin: Origin) -> Iterator[Page]:
    base_url = origin.http_url if request.param == "http" else origin.https_url
    context = browser.new_context(base_url=base_url, ignore_https_errors=True)
    yield context.new_page()
    context.close()


def test_a_page_is_live_at_one_origin(page: Page, origin: Origin, stack: RunningStack, unique: str) -> None:
    asked: set[str] = set()
    page.context.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    upstream = Upstream(origin.ingest_url, stack.web_url)
    open_live(page, f"/channels/{unique}")
    upstream.post(unique, unique, "one")
    expect(texts(page)).to_have_text(["one"])
    for gateway in GATEWAYS:  # one of them has the stream, and ends it in an orderly way
        stack.restart(gateway)
    upstream.post(unique, unique, "two")
    expect(texts(page)).to_have_text(["two", "one"])
    expect_state(page, "live")
    assert asked == {page.url.rsplit("/channels", 1)[0]}


def test_many_streams_share_one_connection(browser: Browser, origin: Origin) -> None:
    """HTTP/2, which browsers speak with TLS only."""
    context = browser.new_context(base_url=origin.https_url, ignore_https_errors=True)
    page = context.new_page()
    open_live(page, "/")
    protocol = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    context.close()
    assert protocol == "h2"
