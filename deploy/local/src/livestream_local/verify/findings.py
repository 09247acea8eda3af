"""What was compared, and where it differed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any, Final, NamedTuple

_KEPT_EACH: Final = 20  # of a kind: enough to see the pattern, few enough to read


class CouldNotRunError(Exception):
    """Something that has to be read cannot be; nothing is said about equality."""


class Difference(NamedTuple):
    """`expected` follows from the log, `found` is what was read; None where there is none."""

    key: Any
    expected: Any
    found: Any


class Section:
    """One part of what is compared: its number of comparisons, and the first differences of each kind."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.compared: Counter[str] = Counter()
        self.differing: Counter[str] = Counter()
        self.differences: dict[str, list[Difference]] = {}

    def check(self, kind: str, key: Any, expected: Any, found: Any) -> None:
        self.compared[kind] += 1
        if expected != found:
            self.differing[kind] += 1
            kept = self.differences.setdefault(kind, [])
            if len(kept) < _KEPT_EACH:
                kept.append(Difference(key, expected, found))

    def check_all(self, kind: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> None:
        """Every key of either."""
        self.compared[kind] += 0
        for key in {**expected, **found}:
            self.check(kind, key, expected.get(key), found.get(key))

    def check_order(self, kind: str, expected: Iterable[Any], found: Iterable[Any]) -> None:
        """Place by place."""
        self.compared[kind] += 0
        for place, (one, other) in enumerate(zip_longest(expected, found)):
            self.check(kind, place, one, other)


class Findings:
    """All sections, in the order in which they were made."""

    def __init__(self) -> None:
        self.sections: list[Section] = []

    def section(self, name: str) -> Section:
        section = Section(name)
        self.sections.append(section)
        return section

    @property
    def equal(self) -> bool:
        return not any(section.differing for section in self.sections)
