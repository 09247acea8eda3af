"""Ingest and web, fuzzed by what their own documents say of them: every answer is one that is documented."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from tests.support.ingest import OPENAPI as INGEST
from tests.support.stacks import RunningStack
from tests.support.verifying import assert_equal_to_the_log
from tests.support.web import OPENAPI as WEB

# Some seconds for all operations; the examples are the same in every run, so that a failure stays one.
FUZZED = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def configured(valid_refused_with: str, *invalid_answered_with: str) -> SchemathesisConfig:
    """Which answers are right, beyond the usual, to what the document allows, and to what it does not."""
    return SchemathesisConfig.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ["2xx", "404", valid_refused_with]},
                "negative_data_rejection": {
                    "expected-statuses": ["400", "404", "405", "415", "422", *invalid_answered_with]
                },
            }
        }
    )


# A schema cannot say what is too far in the future, nor how long a name is in NFC; of several items the good ones are
# taken (207).
ingest = schemathesis.openapi.from_dict(INGEST, config=configured("422", "413", "207"))
# Nor which tokens were given out.
web = schemathesis.openapi.from_dict(WEB, config=configured("400", "400"))


# What a schema can say of lines is that they are text; tests/integration/test_ingest.py makes up better ones.
@pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload media types. application/x-ndjson")
@ingest.parametrize()
@FUZZED
def test_ingest_answers_as_it_is_documented(stack: RunningStack, case: Any) -> None:
    check(case, stack.ingest_url)


@web.parametrize()
@FUZZED
def test_web_answers_as_it_is_documented(stack: RunningStack, case: Any) -> None:
    check(case, stack.web_url)


def check(case: Any, url: str) -> None:
    """Status, content type, headers and body are documented, and what goes wrong is a problem of the client's."""
    response = case.call_and_validate(base_url=url)
    if response.status_code >= 400:
        assert response.headers["content-type"][0] == "application/problem+json"


async def test_what_was_accepted_of_it_is_shown(stack: RunningStack) -> None:
    """Whatever the names and texts were made of, the witness finds all of it in Postgres, in Redis and on a stream."""
    await assert_equal_to_the_log(stack)
