"""What counts as a name that begins so."""

import pytest

from livestream.deltas import NameRow
from livestream.name_search import begins_with


@pytest.mark.parametrize(
    ("beginning", "name", "display_name"),
    [
        ("zo", "Zoë", ""),
        ("ZOË", "zoë", ""),
        ("#gen", "#general", ""),
        ("a/b", "a/b", ""),
        ("smi", "u1", "Zoë Smith"),
        ("zoë sm", "u1", "Zoë Smith"),
        ("O'B", "u1", "Ann O'Brien"),
        ("brien", "u1", "Ann O'Brien"),
        ("(bo", "u1", "Ann (bot)"),
        ("bot", "u1", "ann_bot"),
        ("מש", "u1", "דוד משה"),
        ("ΟΔΟΣ", "u1", "Οδοσα"),
        ("100%", "100% me", ""),
    ],
)
def test_it_begins_so(beginning: str, name: str, display_name: str) -> None:
    assert begins_with(beginning)(NameRow(name, display_name, 1, 1))


@pytest.mark.parametrize(
    ("beginning", "name", "display_name"),
    [
        ("oë", "Zoë", ""),
        ("mith", "u1", "Zoë Smith"),
        ("smith zoë", "u1", "Zoë Smith"),
        ("general", "#general", ""),
        ("!!!", "u1", "Ann !!!"),
        ("#zo", "u1", "Zo"),
        ("u2", "u1", "u1"),
        (".*", "u1", "Ann"),
    ],
)
def test_it_does_not(beginning: str, name: str, display_name: str) -> None:
    assert not begins_with(beginning)(NameRow(name, display_name, 1, 1))
