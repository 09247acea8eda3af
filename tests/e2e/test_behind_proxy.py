"""Pages and streams at one origin, behind the proxy as it is deployed, with two gateways and two of ingest."""

from collections.abc import Callable, Iterator

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


@pytest.fixture(scope="module")
def browser(launch_browser: Callable[..., Browser]) -> Iterator[Browser]:
    """One that asks nobody who signed a certificate: contexts can be told so for their pages, and not for workers."""
    browser = launch_browser(args=["--ignore-certificate-errors"])
    yield browser
    browser.close()


@pytest.fixture(params=["http/1.1", "h2"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Browsers speak HTTP/2 with TLS only."""
    protocol: str = request.param
    return protocol


@pytest.fixture
def page(protocol: str, browser: Browser, origin: Origin) -> Iterator[Page]:
    context = browser.new_context(base_url=origin.http_url if protocol == "http/1.1" else origin.https_url)
    yield context.new_page()
    context.close()


def test_a_page_is_live_at_one_origin(
    page: Page, protocol: str, origin: Origin, stack: RunningStack, unique: str
) -> None:
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
    assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == protocol
