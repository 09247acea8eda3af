"""Query parameters are what was sent, or refused."""

import pytest
from yarl import URL

from livestream.queries import parameter_values


@pytest.mark.parametrize(
    "query",
    ["", "a=1", "a=1&b=2&a=3", "a", "a=", "a=b=c", "a=%26&%61=x", "a=x+y%2Bz", "a=%C3%A9", "&&a=1&", "a=%zz%", "A=1"],
)
def test_values_are_those_of_the_library(query: str) -> None:
    assert parameter_values(query, "a") == URL(f"/?{query}", encoded=True).query.getall("a", [])


@pytest.mark.parametrize("value", ["%ff", "x%C3", "%ED%A0%80", "%C0%80", "\udcff"])
def test_what_is_not_utf_8_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="must be UTF-8"):
        parameter_values(f"a=1&a={value}", "a")
    assert parameter_values(f"a=1&b={value}", "a") == ["1"]
