"""docs/benchmarks.md: one section a benchmark, between markers, replaced whole by each recorded run.

Above them stands one table of all goals, to which each recorded run brings its own rows.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.support.goals import Goal
from bench.support.tables import markdown_table
from livestream_local.paths import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"

_HEADER: Final = """# Benchmarks

Each section is the record of one run, written by the benchmark itself; `./live bench` lists them, and `./live bench
all` runs those that have goals. Sections may be of different days and machines: what compares is the ratios.

"""
_GOALS: Final = "goals"
_GOALS_HEAD: Final = ("", "measured", "goal", "reached")
_TITLE: Final = re.compile(r"## (.+)")


def record(name: str, text: str, goals: Sequence[Goal] = (), page: Path = PAGE) -> None:
    """Put a section into the page, in place of the one from before. The page is begun where there is none.

    `text` begins with its heading. `goals` take the place of those that the same section had before.
    """
    content = page.read_text("utf-8") if page.exists() else _HEADER + _between(_GOALS, markdown_table(_GOALS_HEAD, []))
    content = _with_section(content, name, text.strip())
    if goals:
        content = _with_section(content, _GOALS, _goals_table(content, text, goals))
    page.parent.mkdir(exist_ok=True)
    page.write_text(content, "utf-8")


def goals_table(page: Path = PAGE) -> str:
    """The table of all goals, as it stands in the page."""
    return _section(page.read_text("utf-8"), _GOALS)


def _goals_table(content: str, text: str, goals: Sequence[Goal]) -> str:
    """Sections stand in the order in which they first came to have goals."""
    link = _link(text)
    rows = [line.strip("| ").split(" | ") for line in _section(content, _GOALS).splitlines()[2:]]
    place = next((at for at, row in enumerate(rows) if row[0].startswith(link)), len(rows))
    own = [[f"{link} {goal.what}", goal.measured, goal.wanted, "yes" if goal.is_met else "**no**"] for goal in goals]
    others = [row for row in rows if not row[0].startswith(link)]
    return markdown_table(_GOALS_HEAD, [*others[:place], *own, *others[place:]])


def _link(text: str) -> str:
    title = _TITLE.match(text.strip())
    if title is None:
        raise ValueError(f"a section must begin with its heading, not with {text.strip()[:40]!r}")
    return f"[{title[1]}](#{title[1].lower().replace(' ', '-')}):"


def _section(content: str, name: str) -> str:
    begin, end = _markers(name)
    return content.partition(begin)[2].partition(end)[0].strip()


def _with_section(content: str, name: str, text: str) -> str:
    begin, end = _markers(name)
    before, found, rest = content.partition(begin)
    if not found:
        return f"{content.rstrip()}\n\n{_between(name, text)}"
    return before + _between(name, text) + rest.partition(end)[2].removeprefix("\n")


def _between(name: str, text: str) -> str:
    begin, end = _markers(name)
    return f"{begin}\n{text}\n{end}\n"


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- bench {name}: begin -->", f"<!-- bench {name}: end -->"
