"""What a form of a search asks for, and what it says where that is nothing that can be looked for."""

import pytest
from aiohttp.test_utils import make_mocked_request

from livestream.history import HistoryFilter
from livestream.times import format_ms
from livestream_web.search_form import SearchForm, without_empty_fields


def form(query: str) -> SearchForm:
    return SearchForm.of(make_mocked_request("GET", f"/messages?{query}"), "q", "channel", "user", "at")


def test_it_asks_for_what_was_filled_in() -> None:
    filled = form("q=two+words&channel=%23caf%C3%A9&user=&at=2026-01-02T03:04")
    assert filled.errors == {}
    assert filled.wanted == HistoryFilter(channel="#café", words="two words")
    assert filled.filters == {"q": "two words", "channel": "#café"}
    assert filled.at_ms is not None
    assert format_ms(filled.at_ms) == "2026-01-02T03:04:00.000Z"


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        ("2026-01-02T03:04", "2026-01-02T03:04:00.000Z"),
        ("2026-01-02T03:04:05.678", "2026-01-02T03:04:05.678Z"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05%2B02:00", "2026-01-02T01:04:05.000Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z"),
        ("2026-01-02+03:04:05", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02", "2026-01-02T00:00:00.000Z"),
    ],
)
def test_a_time_is_read_as_machines_and_people_write_it(typed: str, moment: str) -> None:
    at_ms = form(f"at={typed}").at_ms
    assert at_ms is not None
    assert format_ms(at_ms) == moment


def test_a_time_comes_back_as_a_picker_of_times_wants_it() -> None:
    assert form("at=2026-01-02T03:04:05%2B02:00").moment == "2026-01-02T01:04:05.000"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"q={'x' * 201}", "q"),
        ("q=a%00b", "q"),
        ("q=%ff", "q"),
        ("channel=..", "channel"),
        ("user=a%0Ab", "user"),
        ("at=yesterday", "at"),
        ("at=2026-02-30T00:00:00", "at"),
        ("at=0001-01-01T00:00:00%2B02:00", "at"),
    ],
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(query: str, field: str) -> None:
    filled = form(f"{query}&channel=kept" if field != "channel" else query)
    assert list(filled.errors) == [field]
    assert filled.errors[field].startswith("must ")
    if field != "channel":
        assert filled.filters["channel"] == "kept"
    if query != "q=%ff":
        assert filled.typed[field]
    if field == "at":
        assert filled.moment == filled.typed["at"]


@pytest.mark.parametrize(
    ("address", "tidy"),
    [
        ("/messages", None),
        ("/messages?q=x&channel=%23a", None),
        ("/messages?q=&channel=%23a&user=", "/messages?channel=%23a"),
        ("/messages?q=&channel=&user=&at=", "/messages"),
        ("/messages?", None),
    ],
)
def test_fields_that_were_left_empty_are_dropped_from_the_address(address: str, tidy: str | None) -> None:
    assert without_empty_fields(make_mocked_request("GET", address)) == tidy
