"""What the supervisor tells of: the person at the terminal, or a test, listens."""

from typing import Protocol


class Report(Protocol):
    """Hears what becomes of each program."""

    def starting(self, name: str) -> None: ...

    def ready(self, name: str, after_s: float) -> None: ...

    def slow(self, name: str, after_s: float, last_word: str) -> None:
        """Not ready after so long; `last_word` is the end of its log."""

    def died(self, name: str, how: str, again_in_s: float) -> None: ...

    def failed_again(self, name: str, why: str, again_in_s: float) -> None: ...

    def stopped(self, name: str) -> None: ...


class Silence:
    """A report that nobody reads."""

    def starting(self, name: str) -> None: ...

    def ready(self, name: str, after_s: float) -> None: ...

    def slow(self, name: str, after_s: float, last_word: str) -> None:
        """Not ready after so long; `last_word` is the end of its log."""

    def died(self, name: str, how: str, again_in_s: float) -> None: ...

    def failed_again(self, name: str, why: str, again_in_s: float) -> None: ...

    def stopped(self, name: str) -> None: ...
