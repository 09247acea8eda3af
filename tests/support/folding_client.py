"""A client of one view, written from the contract's section 4 alone."""

from typing import Any

from livestream.frames import View

MessageKey = tuple[str, str]


class FoldingClient:
    """Folds `snapshot` and `delta` data. A tidy one drops what falls out of its window, another keeps it as history."""

    def __init__(self, view: View, *, tidy: bool = True) -> None:
        self.view = view
        self.totals: dict[str, int] | None = None
        self.messages: dict[MessageKey, dict[str, Any]] = {}
        self.channels: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.told: list[MessageKey] = []
        self._tidy = tidy

    def apply(self, event: str, data: dict[str, Any]) -> None:
        """Take one event's data."""
        assert data["view"] == str(self.view)
        assert event in ("snapshot", "delta")
        if event == "snapshot":
            self.totals, self.messages, self.channels, self.users = None, {}, {}, {}
        self.totals = data.get("totals", self.totals)
        self._remove(data.get("removed", {}))
        rows = data.get("messages", [])
        assert rows == sorted(rows, key=_order)
        self.messages |= {(row["channel"], row["id"]): row for row in rows}
        self.told += [(row["channel"], row["id"]) for row in rows]
        self.channels |= {row["name"]: row for row in data.get("channels", [])}
        self.users |= {row["name"]: row for row in data.get("users", [])}
        if self._tidy:
            self._tidy_up()

    def hold(self, window: dict[str, Any]) -> None:
        """Begin with what a page was rendered with."""
        self.apply("snapshot", {"view": str(self.view), **window})

    def window(self) -> dict[str, Any]:
        """What it shows, in the form of a snapshot's data."""
        limits = self.view.limits
        shown: dict[str, Any] = {}
        if self.totals is not None:
            shown["totals"] = self.totals
        if limits.messages:
            shown["messages"] = sorted(self.messages.values(), key=_order)[-limits.messages :]
        if limits.channels:
            shown["channels"] = sorted(self.channels.values(), key=_most_first)[: limits.channels]
        if limits.users:
            shown["users"] = sorted(self.users.values(), key=_most_first)[: limits.users]
        return shown

    def _remove(self, removed: dict[str, Any]) -> None:
        for channel, id_ in removed.get("messages", []):
            self.messages.pop((channel, id_), None)
        for kind, field, rows in (("channels", "channel", self.channels), ("users", "user", self.users)):
            for name, up_to in removed.get(kind, []):
                rows.pop(name, None)
                self.messages = {
                    key: row for key, row in self.messages.items() if row[field] != name or row["ts"] > up_to
                }

    def _tidy_up(self) -> None:
        window = self.window()
        self.messages = {(row["channel"], row["id"]): row for row in window.get("messages", [])}
        self.channels = {row["name"]: row for row in window.get("channels", [])}
        self.users = {row["name"]: row for row in window.get("users", [])}


def _order(row: dict[str, Any]) -> tuple[str, str, int]:
    return (row["ts"], row["channel"], row["offset"])


def _most_first(row: dict[str, Any]) -> tuple[int, str]:
    return (-row["messages"], row["name"])
