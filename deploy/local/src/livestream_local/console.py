"""The supervisor's report to a person: a spinner and colours on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class ConsoleReport:
    """Prints one line whenever a program becomes ready, dies, or comes back."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._starting: set[str] = set()
        self._note = ""
        self._status = console.status("")
        self._stopping = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the stack starts or stops: shows what is still awaited."""
        if self._console.is_terminal:
            with self._status:
                yield
        else:
            yield

    def starting(self, name: str) -> None:
        self._starting.add(name)
        self._show_status()

    def ready(self, name: str, after_s: float) -> None:
        self._starting.discard(name)
        self._line("ready", f"{name} after {after_s:.1f} s", "green")
        self._show_status()

    def slow(self, name: str, after_s: float, last_word: str) -> None:
        self._line("waiting", f"{name} is not ready after {after_s:.0f} s; it says: {last_word}", "yellow")

    def died(self, name: str, how: str, again_in_s: float) -> None:
        self._line("died", f"{name} ({how}); starting it again in {again_in_s:.1f} s", "red")

    def failed_again(self, name: str, why: str, again_in_s: float) -> None:
        self._line("failed", f"{name} did not come back; trying again in {again_in_s:.1f} s: {why}", "red")

    def stopped(self, name: str) -> None:
        self._line("stopped", name, "dim")

    def downloading(self, done: int, total: int) -> None:
        """Kafka's libraries, of which there are many; called from another thread."""
        self._note = f", downloading Kafka ({done} of {total} files)" if done < total else ""
        self._show_status()

    def stopping(self) -> None:
        self._starting.clear()
        self._note = ""
        self._line("stopping", "", "dim")
        self._status.update("stopping (Ctrl-C again to kill)")

    def _show_status(self) -> None:
        self._status.update(f"starting {', '.join(sorted(self._starting))}{self._note}")

    def _line(self, what: str, text: str, style: str) -> None:
        self._console.print(Text.assemble((f"{what:>8}", style), " ", text), soft_wrap=True)
