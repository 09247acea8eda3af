"""docs/guarantees.md names the tests that hold each promise: they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", (ROOT / "docs/guarantees.md").read_text("utf-8"))


def test_every_promise_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs/guarantees.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise", "| ---"))]
    assert len(promises) > 20
    assert not [row for row in promises if "tests/" not in row]


@pytest.mark.parametrize(("path", "test"), sorted(set(NAMED)))
def test_the_test_is_there(path: str, test: str) -> None:
    source = (ROOT / path).read_text("utf-8")
    assert re.search(rf"^(?:async )?def {test}\(" if test else r"^(?:async )?def test_", source, re.MULTILINE)
