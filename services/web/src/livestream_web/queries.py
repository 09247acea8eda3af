"""Query parameters of the pages and of the API, read and checked."""

from datetime import datetime
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
    text = _value(request, "limit")
    if text is None:
        return DEFAULT_LIMIT
    is_short_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))
    if not (is_short_number and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameterError("limit", f"must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def sort_of(request: web.Request) -> tuple[str, NameOrder]:
    """The order's name in the API, and the order. Raises BadParameterError."""
    sort = _value(request, "sort")
    if sort is None:
        sort = next(iter(SORTS))
    if sort not in SORTS:
        raise BadParameterError("sort", f"must be one of {', '.join(SORTS)}")
    return sort, SORTS[sort]


def below_of(request: web.Request) -> HistoryKey | None:
    """Where a page of messages begins. Raises BadParameterError."""
    token = _value(request, "page")
    if not token:
        return None
    try:
        return read_message_token(token)
    except ValueError as error:
        raise BadParameterError("page", str(error)) from None


def after_of(request: web.Request, order: NameOrder) -> NameKey | None:
    """Where a page of names begins. Raises BadParameterError."""
    token = _value(request, "page")
    if not token:
        return None
    try:
        return read_name_token(token, order)
    except ValueError as error:
        raise BadParameterError("page", str(error)) from None


def filter_of(request: web.Request) -> HistoryFilter:
    """Which messages are asked for. Raises BadParameterError."""
    return HistoryFilter(
        channel=_name(request, "channel"),
        user=_name(request, "user"),
        before_ms=_time(request, "before"),
        after_ms=_time(request, "after"),
    )


def _value(request: web.Request, parameter: str) -> str | None:
    """The first, where it is given several times."""
    try:
        return next(iter(parameter_values(request.rel_url.raw_query_string, parameter)), None)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from None


def _name(request: web.Request, parameter: str) -> str | None:
    value = _value(request, parameter)
    if value is None:
        return None
    try:
        return check_name(value)
    except ValueError as error:
        raise BadParameterError(parameter, str(error)) from None


def _time(request: web.Request, parameter: str) -> int | None:
    value = _value(request, parameter)
    if value is None:
        return None
    try:
        # The plus sign of an offset means a space in a query, and is easily forgotten to be encoded.
        return times.to_ms(msgspec.convert(value.replace(" ", "+"), _AwareTime))
    except ValueError:
        raise BadParameterError(
            parameter, "must be an RFC 3339 time with its offset, such as 2026-01-02T03:04:05Z"
        ) from None
