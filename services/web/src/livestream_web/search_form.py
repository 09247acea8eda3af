"""A form by which things are looked for: what was typed into it, what it asks for, and what is wrong with it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from livestream import times
from livestream.history import HistoryFilter
from livestream.texts import check_name
from livestream_web.queries import BadParameterError, check_moment, check_search, value_of

_MOMENT_EXPECTED: Final = "must be a time in UTC, such as 2026-01-02T03:04:05"


def _moment(value: str) -> int:
    try:
        return check_moment(value)
    except (ValueError, OverflowError):
        raise ValueError(_MOMENT_EXPECTED) from None


_CHECKS: Final[dict[str, Callable[[str], Any]]] = {
    "q": check_search,
    "channel": check_name,
    "user": check_name,
    "at": _moment,
}


class SearchForm(msgspec.Struct, frozen=True):
    """`typed`: the fields that were filled in, as they were. `checked`: those that are right. `errors`: the others."""

    typed: dict[str, str]
    checked: dict[str, Any]
    errors: dict[str, str]

    @classmethod
    def of(cls, request: web.Request, *fields: str) -> "SearchForm":
        """The fields that the request's page has."""
        typed, checked, errors = {}, {}, {}
        for field in fields:
            try:
                text = value_of(request, field)
                if text:
                    typed[field] = text
                    checked[field] = _CHECKS[field](text)
            except BadParameterError as error:
                errors[field] = error.detail
            except ValueError as error:
                errors[field] = str(error)
        return cls(typed, checked, errors)

    @property
    def status(self) -> HTTPStatus:
        """How a page answers that shows the form."""
        return HTTPStatus.BAD_REQUEST if self.errors else HTTPStatus.OK

    @property
    def at_ms(self) -> int | None:
        """The time to jump to, in milliseconds since 1970 UTC."""
        return self.checked.get("at")

    @property
    def filters(self) -> dict[str, str]:
        """What every page of the list that is asked for has in its address."""
        return {field: self.checked[field] for field in ("q", "channel", "user") if field in self.checked}

    @property
    def wanted(self) -> HistoryFilter:
        return HistoryFilter(self.checked.get("channel"), self.checked.get("user"), words=self.checked.get("q"))

    @property
    def moment(self) -> str:
        """The time as an input of a date and a time has it, or as it was typed where it is none."""
        return (
            times.format_ms(self.checked["at"]).removesuffix("Z") if "at" in self.checked else self.typed.get("at", "")
        )

    def refused(self, error: BadParameterError) -> "SearchForm":
        """With what turned out to be wrong when it was tried."""
        return msgspec.structs.replace(self, errors={**self.errors, error.parameter: error.detail})


def without_empty_fields(request: web.Request) -> str | None:
    """The address without fields that were left empty; None where there are none. A form sends all of its fields."""
    raw = request.rel_url.raw_query_string
    parts = raw.split("&")
    kept = [part for part in parts if part.partition("=")[2]]
    if len(kept) == len(parts) or not raw:
        return None
    return request.rel_url.raw_path + ("?" + "&".join(kept) if kept else "")
