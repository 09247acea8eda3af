"""What there is a picture of: every page, and every state that a page can be in, by real means."""

import fnmatch
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple
from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.e2e.cutting_proxy import CuttingProxy
from tests.e2e.looks import LIVE, expect_state
from tests.e2e.upstream import Upstream
from tests.screenshots.camera import Camera
from tests.screenshots.filling import Filled, talking
from tests.support.stacks import RunningStack

# Other things may want the machine as well.
_SLOW_MS: Final = 90_000


class Set(NamedTuple):
    """What scenes play on: the streams of `stack` run through `proxy`. `only`: a pattern of the pictures to take."""

    stack: RunningStack
    proxy: CuttingProxy
    upstream: Upstream
    camera: Camera
    only: str = "*"


class Scene(NamedTuple):
    """A page while all is well. `state`: what it says of itself; None for a page that is never live."""

    path: str
    state: str | None = "live"
    whole: bool = False


# Before anything was posted: nothing is there, and nothing came for two minutes.
EMPTY: Final = {
    "home-empty": Scene("/", "idle"),
    "messages-empty": Scene("/messages", "idle"),
    "channels-empty": Scene("/channels", "idle"),
    "users-empty": Scene("/users", "idle"),
}
PAGES: Final = {
    "home": Scene("/"),
    "messages": Scene("/messages"),
    "messages-found": Scene("/messages?q=anyone&channel={channel}"),
    "messages-refused": Scene("/messages?at=yesterday"),
    "channels": Scene("/channels"),
    "channels-found": Scene("/channels?q=g"),
    "channel": Scene("/channels/{channel}"),
    "message": Scene("/channels/{channel}/messages/{message_id}#message"),
    "message-missing": Scene("/channels/{channel}/messages/nobody-said-that", None),
    "users": Scene("/users"),
    "user": Scene("/users/{user}"),
    "odd-texts": Scene("/channels/odd"),
    "missing": Scene("/channels/nobody-was-here", "missing"),
    "not-found": Scene("/nothing", None),
    "styleguide": Scene("/styleguide", None, whole=True),
}

# Whose heads are pictures of their states, as those of STATES are.
HEADS: Final = ("home", "home-empty", "missing")


def shoot_empty(place: Set) -> None:
    for name in fnmatch.filter(EMPTY, place.only):
        _shoot_page(place, name, EMPTY[name])


def shoot_pages(place: Set, filled: Filled) -> None:
    names = {field: quote(name, safe="") for field, name in filled._asdict().items()}
    with talking(place.upstream):
        for name in fnmatch.filter(PAGES, place.only):
            scene = PAGES[name]
            _shoot_page(place, name, scene._replace(path=scene.path.format(**names)))


def shoot_states(place: Set) -> None:
    """The home page in every other state."""
    for state, brought_about in STATES.items():
        if not fnmatch.fnmatch(f"home-{state}", place.only):
            continue
        with place.camera.pages("/", scripts=state != "off") as shots, brought_about(place, shots.each):
            shots.take(f"home-{state}")
            shots.take_head(f"head-{state}")


def _shoot_page(place: Set, name: str, scene: Scene) -> None:
    with place.camera.pages(scene.path) as shots:
        if scene.state is not None:
            _says(shots.each, scene.state)
        shots.take(name, whole=scene.whole)
        if scene.state is not None and name in HEADS:
            shots.take_head(f"head-{scene.state}")


Each = Callable[[Callable[[Page], object]], None]


def _says(each: Each, state: str) -> None:
    each(lambda page: expect_state(page, state, _SLOW_MS))


@contextmanager
def _off(_: Set, each: Each) -> Iterator[None]:
    each(lambda page: expect(page.locator("#status")).to_be_visible())
    yield


@contextmanager
def _connecting(place: Set, each: Each) -> Iterator[None]:
    place.proxy.stall()
    try:
        each(lambda page: page.reload())
        _says(each, "connecting")
        yield
    finally:
        place.proxy.heal()


@contextmanager
def _paused(_: Set, each: Each) -> Iterator[None]:
    each(lambda page: page.get_by_role("button", name="Pause").click())
    _says(each, "paused")
    yield


@contextmanager
def _offered(place: Set, each: Each) -> Iterator[None]:
    """Somebody reads further down while messages come."""

    def read_on(page: Page) -> None:
        expect_state(page, LIVE)
        page.mouse.wheel(0, 1_000)
        page.wait_for_function("document.querySelector('ol.messages').getBoundingClientRect().top < 0")

    each(read_on)
    with talking(place.upstream):
        each(lambda page: expect(page.locator(".fresh .button")).to_be_visible(timeout=_SLOW_MS))
    yield


def _refused(state: str) -> Callable[[Set, Each], AbstractContextManager[None]]:
    """`reconnecting` lasts for three seconds only, which is enough for the pictures; then it is `disconnected`."""

    @contextmanager
    def refuse(place: Set, each: Each) -> Iterator[None]:
        each(lambda page: expect_state(page, LIVE))
        place.proxy.refuse()
        try:
            _says(each, state)
            yield
        finally:
            place.proxy.heal()

    return refuse


@contextmanager
def _stale(place: Set, each: Each) -> Iterator[None]:
    each(lambda page: expect_state(page, LIVE))
    place.stack.pause("projector")
    try:
        _says(each, "stale")
        yield
    finally:
        place.stack.resume("projector")


@contextmanager
def _rebuilding(place: Set, each: Each) -> Iterator[None]:
    """Redis comes back with nothing, and nobody loads it yet."""
    each(lambda page: expect_state(page, LIVE, _SLOW_MS))
    place.stack.stop("projector")
    place.stack.restart("valkey")
    try:
        _says(each, "rebuilding")
        yield
    finally:
        place.stack.start("projector")
        each(lambda page: expect_state(page, LIVE, _SLOW_MS))


@contextmanager
def _unreachable(place: Set, each: Each) -> Iterator[None]:
    """In the place of the page: its data cannot be read."""
    place.stack.stop("valkey")
    try:
        each(lambda page: page.reload())
        each(lambda page: expect(page.get_by_role("status")).to_contain_text("cannot be reached"))
        yield
    finally:
        place.stack.start("valkey")


STATES: Final = {
    "off": _off,
    "connecting": _connecting,
    "paused": _paused,
    "offered": _offered,
    "stale": _stale,
    "reconnecting": _refused("reconnecting"),
    "disconnected": _refused("disconnected"),
    "rebuilding": _rebuilding,
    "unreachable": _unreachable,
}
