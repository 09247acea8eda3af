"""Names, ids and texts: what is kept, what is refused, and with which words."""

import json
import unicodedata

import pytest

from livestream.texts import (
    NAME_MAX_CHARACTERS,
    TEXT_MAX_BYTES,
    check_id,
    check_label,
    check_name,
    check_text,
    mark_lone_surrogates,
)


@pytest.mark.parametrize(
    "name", ["a", "#ubuntu", "a b", "/", "%2F", "...", "👩‍👩‍👧‍👦", "שלום", "字" * NAME_MAX_CHARACTERS]
)
def test_names_are_any_unicode(name: str) -> None:
    assert check_name(name) == name


def test_names_and_labels_are_kept_in_nfc_and_ids_as_they_are() -> None:
    decomposed = unicodedata.normalize("NFD", "é")
    assert check_name(decomposed) == check_label(decomposed) == "é"
    assert check_id(decomposed) == decomposed


def test_a_name_is_measured_in_nfc() -> None:
    assert check_name("e\u0301" * NAME_MAX_CHARACTERS) == "é" * NAME_MAX_CHARACTERS


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "1 to 200"),
        ("n" * 201, "has 201"),
        ("a\x00", "control"),
        ("a\x85", "control"),
        ("a\n", "control"),
        ("\ud800", "surrogates"),
        (".", "`..`"),
        ("..", "`..`"),
    ],
)
def test_bad_names_are_explained(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_name(name)


def test_texts_are_measured_in_bytes() -> None:
    assert check_text("") == ""
    assert check_text("line\nbreak\ttab") == "line\nbreak\ttab"
    assert check_text("é" * (TEXT_MAX_BYTES // 2)) == "é" * (TEXT_MAX_BYTES // 2)
    for text in ("x" * (TEXT_MAX_BYTES + 1), "é" * (TEXT_MAX_BYTES // 2 + 1)):
        with pytest.raises(ValueError, match=f"at most {TEXT_MAX_BYTES} bytes"):
            check_text(text)
    for text in ("a\0", "a\udfff"):
        with pytest.raises(ValueError, match="NUL or lone surrogates"):
            check_text(text)


@pytest.mark.parametrize(
    ("escaped", "marked"),
    [
        (rb'"\ud800"', rb'"\u0000"'),
        (rb'"\uDFFF\ud83d\ude00"', rb'"\u0000\ud83d\ude00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\u0000\ud83d\ude00"'),
        (rb'"\\\ud800"', rb'"\\\u0000"'),
        (rb'"\\ud800"', None),
        (rb'"\ud83d\ude00 \u00e9 \n \" \\"', None),
        (b"", None),
    ],
)
def test_only_lone_surrogates_are_marked(escaped: bytes, marked: bytes | None) -> None:
    assert mark_lone_surrogates(escaped) == marked
    if marked is not None:
        json.loads(marked).encode()
