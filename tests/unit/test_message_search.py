"""What a text has to contain, as far as a query says it for sure: texts without it are passed over unread."""

import pytest

from livestream.message_search import parts_of


@pytest.mark.parametrize(
    ("tsquery", "parts"),
    [
        ("'word'", ["word"]),
        ("'two' & 'words'", ["two", "words"]),
        ("'a' <-> 'phrase'", ["a", "phrase"]),
        ("'example.org/a?b=c' & 'x-y'", ["example.org/a?b=c", "x-y"]),
    ],
)
def test_all_plain_words_have_to_be_there(tsquery: str, parts: list[str]) -> None:
    assert parts_of(tsquery) == parts


@pytest.mark.parametrize("tsquery", ["'a' | 'b'", "'a' & !'b'", "!'a'", "'a' & ( 'b' | 'c' )"])
def test_nothing_has_to_be_there_where_there_is_a_choice(tsquery: str) -> None:
    assert parts_of(tsquery) == []


@pytest.mark.parametrize("tsquery", ["'öl'", "'москва'", "'ωμέγας'", "'it''s'", "'a\\\\b'"])
def test_what_postgres_may_write_otherwise_is_not_looked_for(tsquery: str) -> None:
    """Capitals of other scripts, and characters that a query escapes."""
    assert parts_of(tsquery) == []
    assert parts_of(f"'plain' & {tsquery}") == ["plain"]
