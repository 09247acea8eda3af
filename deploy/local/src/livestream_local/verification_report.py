"""The outcome for a person: a table of what was compared, then each difference."""

from typing import Any

from rich.console import Console
from rich.table import Table

from livestream_auditor.verify.findings import Findings, Section
from livestream_auditor.witness import LogFacts


def print_findings(console: Console, findings: Findings) -> None:
    table = Table("", "compared", "rows", "differ")
    for column in table.columns[2:]:
        column.justify = "right"
    for section in findings.sections:
        for place, (kind, compared) in enumerate(section.compared.items()):
            differ = section.differing[kind]
            style = "red" if differ else ""
            table.add_row("" if place else section.name, kind, f"{compared:,}", f"{differ:,}", style=style)
        table.add_section()
    console.print(table)
    for section in findings.sections:
        _print_differences(console, section)


def _print_differences(console: Console, section: Section) -> None:
    for kind, differences in section.differences.items():
        for difference in differences:
            _tell(console, f"{section.name}, {kind}, {_text(difference.key)}:")
            _tell(console, f"    expected {_text(difference.expected)}")
            _tell(console, f"    found    {_text(difference.found)}")
        more = section.differing[kind] - len(differences)
        if more:
            _tell(console, f"{section.name}, {kind}: {more:,} more")


def print_log(console: Console, facts: LogFacts) -> None:
    refused = ", ".join(f"{count:,} {reason}" for reason, count in sorted(facts.refused.items())) or "none"
    _tell(
        console,
        f"The log: {facts.records:,} records in {facts.partitions} partitions, {len(facts.messages):,} messages, "
        f"{facts.repeats:,} repeats; refused: {refused}.",
    )


def _text(value: Any) -> str:
    """Names may hold what turns the direction of a line, so they are shown escaped."""
    return "nothing" if value is None else value if isinstance(value, str) and value.isascii() else repr(value)


def _tell(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
