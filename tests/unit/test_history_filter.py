"""Of the messages that a filter names, those of one channel or user."""

from livestream.history_query import HistoryFilter

WANTED = HistoryFilter(channel="tea", user="ann", before_ms=2, after_ms=1, words="kettle")


def test_what_it_is_narrowed_to_wins_and_all_else_stays() -> None:
    assert WANTED.narrowed_to("channels", "coffee") == WANTED._replace(channel="coffee")
    assert WANTED.narrowed_to("users", "bob") == WANTED._replace(user="bob")


def test_nothing_else_is_asked_for_where_nothing_was() -> None:
    assert HistoryFilter().narrowed_to("channels", "tea") == HistoryFilter(channel="tea")
    assert HistoryFilter().narrowed_to("users", "ann") == HistoryFilter(user="ann")
