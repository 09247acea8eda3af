"""Query parameters of the pages and of the API, read and checked."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from aiohttp import web

from livestream import times
from livestream.history import HistoryFilter, HistoryKey
from livestream.queries import parameter_values
from livestream.serving import NameOrder
from livestream.texts import check_name
from livestream_web.paging import NameKey, read_message_token, read_name_token

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500
# Of what is searched for: as long as a name may be, and more than anybody types.
MAX_SEARCH_CHARACTERS: Final = 200

# As the API names the orders, most wanted first.
SORTS: Final = {"messages": NameOrder.MESSAGES, "name": NameOrder.NAME, "last_message_at": NameOrder.LAST}

_AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class BadParameterError(Exception):
    """A query parameter that cannot be used; `detail` completes a sentence that begins with its name."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(f"{parameter} {detail}")
        self.parameter = parameter
        self.detail = detail


def limit_of(request: web.Request) -> int:
    """Raises BadParameterError."""
    text = value_of(request, "limit")
    if text is None:
        return DEFAULT_LIMIT
    is_short_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))
    if not (is_short_number and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameterError("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def sort_of(request: web.Request) -> tuple[str, NameOrder]:
    """The order's name in the API, and the order. Raises BadParameterError."""
    sort = value_of(request, "sort")
    if sort is None:
        sort = next(iter(SORTS))
    if sort not in SORTS:
        raise BadParameterError("sort", f"must be one of {', '.join(SORTS)}")
    return sort, SORTS[sort]


def below_of(request: web.Request) -> HistoryKey | None:
    """The place that a page of messages is below. Raises BadParameterError."""
    return _place(request, "page")


def above_of(request: web.Request) -> HistoryKey | None:
    """The place that a page of messages is above. Raises BadParameterError."""
    return _place(request, "above")


def _place(request: web.Request, parameter: str) -> HistoryKey | None:
    token = value_of(request, parameter)
    if not token:
        return None
    try:
        return read_message_token(token)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from None


def after_of(request: web.Request, order: NameOrder) -> NameKey | None:
    """Where a page of names begins. Raises BadParameterError."""
    token = value_of(request, "page")
    if not token:
        return None
    try:
        return read_name_token(token, order)
    except ValueError as error:
        raise BadParameterError("page", str(error)) from None


def filter_of(request: web.Request) -> HistoryFilter:
    """Which messages are asked for. Raises BadParameterError."""
    return HistoryFilter(
        channel=_checked(request, "channel", check_name),
        user=_checked(request, "user", check_name),
        before_ms=_time(request, "before"),
        after_ms=_time(request, "after"),
        words=search_of(request),
    )


def search_of(request: web.Request) -> str | None:
    """What is searched for. Raises BadParameterError."""
    return _checked(request, "q", check_search)


def check_search(value: str) -> str:
    """Raises ValueError where nobody could search for it."""
    if not 1 <= len(value) <= MAX_SEARCH_CHARACTERS or "\0" in value:
        raise ValueError(f"must have 1 to {MAX_SEARCH_CHARACTERS} characters, without NUL")
    return unicodedata.normalize("NFC", value)


def check_moment(value: str) -> int:
    """A time in milliseconds since 1970: RFC 3339, or a date and a time of day in UTC. Raises ValueError."""
    date, separator, rest = value.partition("T")
    # The plus sign of an offset means a space in a query, and is easily forgotten to be encoded.
    moment = datetime.fromisoformat(date + separator + rest.replace(" ", "+"))
    return times.to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def value_of(request: web.Request, parameter: str) -> str | None:
    """The first, where it is given several times."""
    try:
        return next(iter(parameter_values(request.rel_url.raw_query_string, parameter)), None)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from None


def _checked(request: web.Request, parameter: str, check: Callable[[str], str]) -> str | None:
    value = value_of(request, parameter)
    if value is None:
        return None
    try:
        return check(value)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from None


def _time(request: web.Request, parameter: str) -> int | None:
    value = value_of(request, parameter)
    if value is None:
        return None
    try:
        # The plus sign of an offset means a space in a query, and is easily forgotten to be encoded.
        return times.to_ms(msgspec.convert(value.replace(" ", "+"), _AwareTime))
    except ValueError:
        raise BadParameterError(
            parameter, "must be an RFC 3339 time with its offset, such as 2026-01-02T03:04:05Z"
        ) from None
