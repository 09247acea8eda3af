"""Licences of what the image holds: which are allowed, and how they are listed."""

from livestream_local.licences import Package, not_allowed, with_table


def test_each_licence_of_an_expression_has_to_be_allowed() -> None:
    fine = Package("httptools", "1.0", "MIT")
    either = Package("cryptography", "2.0", "Apache-2.0 OR BSD-3-Clause")
    both = Package("bundle", "3.0", "MIT AND (GPL-3.0-only OR MIT)")
    assert list(not_allowed([fine, either, both])) == ["bundle (MIT AND (GPL-3.0-only OR MIT))"]


def test_copyleft_is_allowed_by_package() -> None:
    known = Package("psycopg", "3.0", "LGPL-3.0-only")
    another = Package("lgpl-too", "1.0", "LGPL-3.0-only")
    assert list(not_allowed([known, another])) == ["lgpl-too (LGPL-3.0-only)"]


def test_a_licence_that_is_not_stated_is_not_allowed() -> None:
    assert list(not_allowed([Package("silent", "1.0", "UNKNOWN")])) == ["silent (UNKNOWN)"]


def test_words_of_older_metadata_are_told_in_spdx() -> None:
    assert Package("old", "1.0", "Apache Software License").licence == "Apache-2.0"


def test_the_table_is_made_anew_below_what_was_written() -> None:
    first = with_table("# Licences\n\n", [Package("one", "1.0", "MIT"), Package("two", "1.0", "MIT")])
    assert first.startswith("# Licences\n\n| package | version | licence |\n")
    assert with_table(first, [Package("one", "1.1", "MIT")]) == first.replace("| one | 1.0", "| one | 1.1").replace(
        "| two | 1.0 | MIT |\n", ""
    )
