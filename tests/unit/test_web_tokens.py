"""The stylesheet's tokens: contrasts as WCAG 2.1 AA asks for, in both schemes, and colours nowhere else."""

import re
from importlib import resources
from itertools import product

import pytest

STATIC = resources.files("livestream_web").joinpath("static")
STYLES = {file.name: file.read_text("utf-8") for file in STATIC.iterdir() if file.name.endswith(".css")}
TOKENS = STYLES["tokens.css"]

# What WCAG 2.1 asks for: 1.4.3 of text, 1.4.11 of what is not text and has to be told from what is around it.
TEXT_CONTRAST = 4.5
OTHER_CONTRAST = 3.0
SURFACES = ("page", "card", "sunken", "mark")
TEXTS = [
    *product(("ink", "muted", "accent"), SURFACES),
    ("ink", "accent-soft"),
    ("accent", "accent-soft"),
    ("on-accent", "accent"),
    *product(("warn",), ("warn-soft", "card", "page")),
    *product(("bad",), ("bad-soft", "card", "page")),
]
OTHERS = [
    *product(("edge",), ("page", "card")),
    *product(("focus",), (*SURFACES, "accent-soft", "warn-soft", "bad-soft")),
    ("chart", "card"),
    ("edge", "card"),
    *product(("accent", "warn", "bad"), ("page", "card")),
]


def declarations(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block))


def schemes() -> dict[str, dict[str, str]]:
    light = declarations(re.search(r":root \{(.*?)\n\}", TOKENS, re.DOTALL)[1])  # type: ignore[index]
    dark = declarations(re.search(r"scheme: dark\) \{(.*?)\n\}", TOKENS, re.DOTALL)[1])  # type: ignore[index]
    return {"light": light, "dark": {**light, **dark}}


SCHEMES = schemes()


def luminance(colour: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb`, as WCAG 2.1 defines it."""
    digits = colour.removeprefix("#")
    pairs = [digits[i : i + 2] for i in (0, 2, 4)] if len(digits) == 6 else [digit * 2 for digit in digits]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (int(pair, 16) / 255 for pair in pairs)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#fff", "#000") == pytest.approx(21)
    assert contrast("#777", "#ffffff") == pytest.approx(4.478, abs=0.001)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_texts_can_be_read(scheme: str) -> None:
    colours = SCHEMES[scheme]
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in TEXTS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < TEXT_CONTRAST} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_focus_icons_and_charts_can_be_seen(scheme: str) -> None:
    colours = SCHEMES[scheme]
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in OTHERS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < OTHER_CONTRAST} == {}


def test_every_colour_has_a_value_of_its_own_in_both_schemes() -> None:
    light, dark = SCHEMES["light"], SCHEMES["dark"]
    colours = {name for name, value in light.items() if value.startswith(("#", "rgb"))}
    assert {name for name in colours if light[name] == dark[name]} == set()


@pytest.mark.parametrize("name", sorted(STYLES))
def test_styles_use_tokens_that_exist_and_no_colour_of_their_own(name: str) -> None:
    style = STYLES[name]
    assert set(re.findall(r"var\(--([\w-]+)", style)) <= SCHEMES["light"].keys()
    if name != "tokens.css":
        assert re.findall(r":[^;{]*?(#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\()", style) == []


def test_no_token_is_idle() -> None:
    used = set(re.findall(r"var\(--([\w-]+)", "".join(STYLES.values())))
    assert SCHEMES["light"].keys() - used == set()
