"""What clients get: JSON, or problem documents (RFC 9457)."""

import math
import random
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

PROBLEM_CONTENT_TYPE: Final = "application/problem+json"

# Clients that were turned away together should not return together.
RETRY_AFTER_SECONDS: Final = (1, 3)


class ItemError(msgspec.Struct, frozen=True):
    """What is wrong with one item. `field` is None where the item as a whole cannot be read."""

    index: int
    field: str | None
    detail: str

    def __str__(self) -> str:
        return self.detail if self.field is None else f"`{self.field}` {self.detail}"


class Accepted(msgspec.Struct, omit_defaults=True):
    """The good items are on the log. `ids` are theirs, in order."""

    accepted: int
    ids: Sequence[str]
    errors: Sequence[ItemError] = ()


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem document, with extensions: `accepted` items are on the log; `errors` of single items.

    `instance` is what a fault of ours goes by, here and in the log.
    """

    title: str
    status: int
    detail: str
    accepted: int | None = None
    errors: Sequence[ItemError] = ()
    instance: str | None = None


class ProblemError(Exception):
    """Ends a request with a problem document. An error of the client's, or a state that it should know."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        accepted: int | None = None,
        errors: Sequence[ItemError] = (),
        headers: Mapping[str, str] | None = None,
        instance: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.document = Problem(HTTPStatus(status).phrase, int(status), detail, accepted, errors, instance)
        self.headers = headers

    def after(self, accepted: int) -> "ProblemError":
        """The same, where the first items are on the log already."""
        self.document.accepted = accepted
        return self

    def response(self) -> web.Response:
        return web.Response(
            status=self.document.status,
            body=msgspec.json.encode(self.document),
            content_type=PROBLEM_CONTENT_TYPE,
            headers=self.headers,
        )


def accepted(ids: Sequence[str], count: int = 1, errors: Sequence[ItemError] = ()) -> web.Response:
    """202, or 207 where there are errors beside what was accepted."""
    return web.Response(
        status=HTTPStatus.MULTI_STATUS if errors else HTTPStatus.ACCEPTED,
        body=msgspec.json.encode(Accepted(count, ids, errors or ())),
        content_type="application/json",
    )


def nothing_valid(errors: Sequence[ItemError], items: int = 1, *, is_forbidden: bool = False) -> ProblemError:
    """422: none of the items is good; 403 where this caller may write none of them."""
    detail = str(errors[0]) if items == 1 else f"none of the {items} items is valid; the first: {errors[0]}"
    status = HTTPStatus.FORBIDDEN if is_forbidden else HTTPStatus.UNPROCESSABLE_ENTITY
    return ProblemError(status, detail, errors=errors)


def forbidden(detail: str) -> ProblemError:
    """403: the caller's key is not for this."""
    return ProblemError(HTTPStatus.FORBIDDEN, detail)


def invalid_field(field: str, detail: str) -> ProblemError:
    """422 for the only item there is."""
    return nothing_valid([ItemError(0, field, detail)])


def too_many_items(wait_seconds: float) -> ProblemError:
    """429: the rate limit."""
    detail = "these are more items a second than this service is set to take"
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, accepted=0, headers=_retry_after(wait_seconds))


def unavailable(detail: str, accepted: int = 0) -> ProblemError:
    """503: the first `accepted` items are on the log; of the others it is not known."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, accepted=accepted, headers=_retry_after(0.0))


def _retry_after(wait_seconds: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(wait_seconds) + random.randint(*RETRY_AFTER_SECONDS))}
