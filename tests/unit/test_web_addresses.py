"""Names in paths, and where a page's viewer finds the streams."""

from urllib.parse import unquote

import pytest
from aiohttp.test_utils import make_mocked_request

from livestream.settings import Environment, SettingsError
from livestream_web.paths import PAGE_NAME_SEGMENT, name_in_path, quote_name
from livestream_web.settings import Settings
from livestream_web.stream_address import BadHostError, StreamAddress

ODD_NAMES = [
    "a/b",
    "a%2Fb",
    "?",
    "#general",
    "100%",
    "with space",
    "🙂",
    "ליאור",
    "a+b",
    "a&b=c",
    "{x}",
    "..a",
    "~",
    "é",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_comes_back_from_its_path(name: str) -> None:
    segment = quote_name(name)
    assert "/" not in segment
    assert unquote(segment) == name
    assert name_in_path(make_mocked_request("GET", f"/users/{segment}?page=x"), PAGE_NAME_SEGMENT) == name


def test_a_name_is_read_in_nfc() -> None:
    assert name_in_path(make_mocked_request("GET", "/users/e%CC%81"), PAGE_NAME_SEGMENT) == "é"


@pytest.mark.parametrize("segment", ["", ".", "..", "%2E%2E", "%00", "a%0Ab", "%FF", "a" * 201, "%ED%A0%80"])
def test_what_cannot_be_a_name_is_refused(segment: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        name_in_path(make_mocked_request("GET", f"/users/{segment}"), PAGE_NAME_SEGMENT)


@pytest.mark.parametrize(
    ("host", "url", "source"),
    [
        ("127.0.0.1:8080", "//127.0.0.1:8082", "127.0.0.1:8082"),
        ("dash.example", "//dash.example:8082", "dash.example:8082"),
        ("my_host-1:80", "//my_host-1:8082", "my_host-1:8082"),
        ("[::1]:8080", "//[::1]:8082", "*:8082"),
    ],
)
def test_a_port_means_that_of_the_page_s_host(host: str, url: str, source: str) -> None:
    assert StreamAddress.parse(":8082").seen_from(host) == (url, source)


@pytest.mark.parametrize(
    "host", ["", "a b", "a;script-src *", "a/b", "a'b", "<x>", "a\r\nb", "a:b", "-x", "*", "x" * 300]
)
def test_other_hosts_are_refused(host: str) -> None:
    with pytest.raises(BadHostError):
        StreamAddress.parse(":8082").seen_from(host)


def test_an_absolute_address_is_the_same_for_all() -> None:
    address = StreamAddress.parse("https://streams.example/live/")
    assert address.seen_from("whatever host") == ("https://streams.example/live", "https://streams.example")


def test_a_proxy_may_serve_streams_at_the_pages_own_origin() -> None:
    assert StreamAddress.parse("/").seen_from("dash.example") == ("", "'self'")
    assert StreamAddress.parse("/live/").seen_from("whatever host") == ("/live", "'self'")


@pytest.mark.parametrize(
    "text", [":0", ":70000", "8082", "ftp://x", "http://", "http://x?y", "//x:1", ":8082/x", "/a b", "/?x", "/live;"]
)
def test_other_addresses_stop_the_service(text: str) -> None:
    with pytest.raises(SettingsError, match=r"STREAM_URL .* must be an absolute http or https URL, a path"):
        Settings.read(Environment({"STREAM_URL": text}))


def test_settings_have_defaults() -> None:
    settings = Settings.read(Environment({}))
    assert settings.process.port == 8080
    assert settings.stream == StreamAddress.parse(":8082")
