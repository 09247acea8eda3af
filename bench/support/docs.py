"""docs/benchmarks.md: one section a benchmark, between markers, replaced whole by each recorded run."""

from pathlib import Path

from livestream_local.paths import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"

_HEADER = """# Benchmarks

Each section is the record of one run, written by the benchmark itself; `./live bench` lists them.
"""


def record(name: str, text: str, page: Path = PAGE) -> None:
    """Put a section into the page, in place of the one from before. The page is begun where there is none."""
    begin, end = f"<!-- bench {name}: begin -->", f"<!-- bench {name}: end -->"
    section = f"{begin}\n{text.strip()}\n{end}\n"
    content = page.read_text("utf-8") if page.exists() else _HEADER
    before, found, rest = content.partition(begin)
    if found:
        _, _, after = rest.partition(end)
        content = before + section + after.removeprefix("\n")
    else:
        content = f"{content.rstrip()}\n\n{section}"
    page.parent.mkdir(exist_ok=True)
    page.write_text(content, "utf-8")
