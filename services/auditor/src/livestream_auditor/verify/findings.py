"""What was compared, and where it differed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

_KEPT_EACH: Final = 20  # of a kind: enough to see the pattern, few enough to read


class CouldNotRunError(Exception):
    """Something that has to be read cannot be; nothing is said about equality."""


class LogUnreadableError(CouldNotRunError):
    """It is the log: what was read of it so far may not be what is there."""


class UnsettledError(CouldNotRunError):
    """Users' counts still follow the deletion of a big channel: until they have, they are not what the log says."""

    def __init__(self) -> None:
        super().__init__("users' counts still follow the deletion of a channel")


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

    def check_ranked(self, kind: str, expected: Iterable[tuple[Any, Any]], found: Iterable[tuple[Any, Any]]) -> None:
        """Keyed rows, and their order; a row that is missing does not make all behind it differ."""
        wanted, got = list(expected), list(found)
        self.check_all(kind, dict(wanted), dict(got))
        keys, keys_found = [key for key, _ in wanted], [key for key, _ in got]
        if set(keys) == set(keys_found):
            places = enumerate(zip(keys, keys_found, strict=True))
            moved = next(((place, pair) for place, pair in places if pair[0] != pair[1]), None)
            if moved:
                self.check(kind, f"place {moved[0]}", *moved[1])


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
