"""Rounds in which several contestants take turns, so that what the machine does meanwhile meets them all alike."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final, NamedTuple

# The least from which a median and its spread say something.
LEAST_ROUNDS: Final = 5


class Spread(NamedTuple):
    """The middle of some values, and the least and the most of them."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        return cls(median(values), min(values), max(values))

    def told(self, spec: str = ",.0f") -> str:
        """`median (least–most)`, each formatted by `spec`."""
        return f"{self.median:{spec}} ({self.least:{spec}}–{self.most:{spec}})"


class Rounds:
    """What was measured of each contestant in each round, in whatever units the measure's name says.

    ```
    rounds = Rounds(["ours", "theirs"])
    for contestant in rounds.turns():
        rounds.note(contestant, lines_per_cpu_second=measure(contestant))
    rounds.of("ours", "lines_per_cpu_second").told()
    rounds.ratio("ours", "theirs", "lines_per_cpu_second").told(".2f")
    ```
    """

    def __init__(self, contestants: Sequence[str], count: int = LEAST_ROUNDS) -> None:
        self.contestants = tuple(contestants)
        self.count = count
        self._values: dict[tuple[str, str], list[float]] = {}

    def turns(self) -> Iterator[str]:
        """Who is next. Every other round goes backwards: nobody always comes behind the same one."""
        for number in range(self.count):
            yield from self.contestants if number % 2 == 0 else reversed(self.contestants)

    def note(self, contestant: str, **values: float) -> None:
        """What one turn measured."""
        for measure, value in values.items():
            self._values.setdefault((contestant, measure), []).append(value)

    def measures(self, contestant: str) -> list[str]:
        """The names of what was noted of it."""
        return [measure for name, measure in self._values if name == contestant]

    def of(self, contestant: str, measure: str) -> Spread:
        """Raises KeyError where it was never noted."""
        return Spread.of(self._values[contestant, measure])

    def ratio(self, contestant: str, reference: str, measure: str) -> Spread:
        """Its values over those of another one, round by round: each pair was measured close together.

        Raises ValueError where one of the two missed a round.
        """
        pairs = zip(self._values[contestant, measure], self._values[reference, measure], strict=True)
        return Spread.of([value / other for value, other in pairs])
