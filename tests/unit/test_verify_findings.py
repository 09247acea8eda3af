"""What `./live verify` says of differences."""

from rich.console import Console

from livestream_auditor.verify.findings import Difference, Findings
from livestream_auditor.witness import LogFacts
from livestream_local.verification_report import print_findings, print_log


def test_equal_sections_are_equal() -> None:
    findings = Findings()
    section = findings.section("Redis")
    section.check("totals", "all", (1, 1, 1), (1, 1, 1))
    section.check_all("channels", {"a": 1, "b": 2}, {"b": 2, "a": 1})
    section.check_ranked("order", [("a", 1), ("b", 2)], [("a", 1), ("b", 2)])
    assert findings.equal
    assert section.compared == {"totals": 1, "channels": 2, "order": 2}


def test_missing_surplus_and_changed_rows_are_named() -> None:
    section = Findings().section("Redis")
    section.check_all("channels", {"a": 1, "b": 2}, {"b": 3, "c": 4})
    assert section.differences["channels"] == [
        Difference("a", 1, None),
        Difference("b", 2, 3),
        Difference("c", None, 4),
    ]


def test_a_missing_row_does_not_make_the_rest_differ() -> None:
    section = Findings().section("Stream")
    section.check_ranked("newest", [(i, i) for i in range(100)], [(i, i) for i in range(100) if i != 50])
    assert section.differences["newest"] == [Difference(50, 50, None)]


def test_a_wrong_order_is_a_difference() -> None:
    section = Findings().section("Stream")
    section.check_ranked("newest", [(1, "a"), (2, "b"), (3, "c")], [(1, "a"), (3, "c"), (2, "b")])
    assert section.differences["newest"] == [Difference("place 1", 2, 3)]


def test_of_many_differences_the_first_are_shown_and_all_counted() -> None:
    findings = Findings()
    findings.section("Postgres").check_all("pairs", {(i, "ünï"): 1 for i in range(1000)}, {})
    assert not findings.equal
    assert findings.sections[0].differing["pairs"] == 1000
    assert len(findings.sections[0].differences["pairs"]) == 20


def test_the_report_names_key_and_both_sides() -> None:
    findings = Findings()
    findings.section("Postgres").check_all("pairs", {("#a", "ünï"): 7, **dict.fromkeys(range(30), 1)}, {})
    console = Console(width=120)
    with console.capture() as capture:
        print_findings(console, findings)
        print_log(console, LogFacts(12))
    text = capture.get()
    assert "Postgres, pairs, ('#a', 'ünï'):" in text
    assert "expected 7" in text
    assert "found    nothing" in text
    assert "Postgres, pairs: 11 more" in text
    assert "0 records in 12 partitions" in text
