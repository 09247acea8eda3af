"""The camera of `./live screenshots`, on a page that there is."""

import struct
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.looks import LIVE, expect_state
from tests.screenshots.camera import VARIANTS, Camera


def test_a_page_is_taken_in_both_schemes_on_a_desktop_and_on_a_phone(
    browser: Browser, base_url: str, tmp_path: Path
) -> None:
    with Camera(browser, base_url, tmp_path).pages("/") as shots:
        shots.each(lambda page: expect_state(page, LIVE))
        shots.take("home")
    pictures = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    sizes = {name: struct.unpack(">II", content[16:24]) for name, content in pictures.items()}
    assert sizes == {
        f"home-{variant.suffix}.png": (
            variant.device.width * variant.device.pixels,
            variant.device.height * variant.device.pixels,
        )
        for variant in VARIANTS
    }
    assert len(set(pictures.values())) == len(VARIANTS) == 4
