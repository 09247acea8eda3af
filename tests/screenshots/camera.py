"""Takes pictures of a page in both schemes, on a desktop and on a phone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Final, Literal, NamedTuple

from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]


class Device(NamedTuple):
    """`pixels`: of the picture, to one of the page."""

    name: str
    width: int
    height: int
    pixels: int


class Variant(NamedTuple):
    scheme: Scheme
    device: Device

    @property
    def suffix(self) -> str:
        return f"{self.device.name}-{self.scheme}"


_SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
_DEVICES: Final = (Device("desktop", 1280, 800, 1), Device("phone", 390, 844, 2))
VARIANTS: Final = [Variant(scheme, device) for scheme, device in product(_SCHEMES, _DEVICES)]


class Shots:
    """One page, open once in every variant."""

    def __init__(self, pages: dict[Variant, Page], folder: Path) -> None:
        self._pages = pages
        self._folder = folder

    def each(self, act: Callable[[Page], object]) -> None:
        for page in self._pages.values():
            act(page)

    def take(self, name: str, *, whole: bool = False) -> None:
        """`<name>-<device>-<scheme>.png`; the first screenful, or the whole page. Motion has come to its end in it."""
        for variant, page in self._pages.items():
            if whole:
                # What is not on the screen is not laid out.
                height = int(page.evaluate("document.documentElement.scrollHeight"))
                page.set_viewport_size({"width": variant.device.width, "height": height})
            page.screenshot(path=self._folder / f"{name}-{variant.suffix}.png", animations="disabled")

    def take_head(self, name: str) -> None:
        """The page's head alone."""
        for variant, page in self._pages.items():
            page.locator(".top").screenshot(path=self._folder / f"{name}-{variant.suffix}.png", animations="disabled")


class Camera:
    """Opens pages of `base_url`; their pictures go to `folder`."""

    def __init__(self, browser: Browser, base_url: str, folder: Path) -> None:
        self._browser = browser
        self._base_url = base_url
        self.folder = folder

    @contextmanager
    def pages(self, path: str, *, scripts: bool = True) -> Iterator[Shots]:
        """`path`, open in every variant."""
        contexts = {
            variant: self._browser.new_context(
                base_url=self._base_url,
                color_scheme=variant.scheme,
                viewport={"width": variant.device.width, "height": variant.device.height},
                device_scale_factor=variant.device.pixels,
                java_script_enabled=scripts,
            )
            for variant in VARIANTS
        }
        try:
            pages = {variant: context.new_page() for variant, context in contexts.items()}
            shots = Shots(pages, self.folder)
            shots.each(lambda page: page.goto(path))
            yield shots
        finally:
            for context in contexts.values():
                context.close()
