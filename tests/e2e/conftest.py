"""One stack for all browser tests, its streams behind a proxy that tests cut. Names of their own keep tests apart."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.upstream import Upstream
from tests.support.stacks import RunningStack, StartStack


@pytest.fixture(scope="session")
def stream_proxy() -> Iterator[CuttingProxy]:
    with CuttingProxy() as proxy:
        yield proxy


@pytest.fixture(scope="session")
def stack(start_stack: StartStack, stream_proxy: CuttingProxy) -> Iterator[RunningStack]:
    with start_stack({"STREAM_URL": f":{stream_proxy.port}"}) as running:
        stream_proxy.target_port = running.ports.gateway
        yield running


@pytest.fixture
def proxy(stream_proxy: CuttingProxy) -> Iterator[CuttingProxy]:
    yield stream_proxy
    stream_proxy.heal()


@pytest.fixture(scope="session")
def base_url(stack: RunningStack) -> str:
    """What pytest-playwright resolves paths against."""
    return stack.web_url


@pytest.fixture
def upstream(stack: RunningStack) -> Upstream:
    return Upstream(stack.ingest_url, stack.web_url)


@pytest.fixture(autouse=True)
def no_script_errors(page: Page) -> Iterator[None]:
    """A test fails where the page's script does."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert not errors


@pytest.fixture
def modules(page: Page) -> Page:
    """A page on which `load(name)` imports one of its modules."""
    page.goto("/")
    page.evaluate(
        "() => { const live = document.querySelector('script[type=module]').src;"
        " window.load = (name) => import(new URL(name, live).href); }"
    )
    return page
