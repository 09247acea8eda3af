"""What people wrote is text on the page, whatever it is."""

from html.parser import HTMLParser

import pytest
from aiohttp.test_utils import make_mocked_request

from livestream.deltas import MessageRow, NameRow, Totals, message_row
from livestream.frames import View, ViewKind
from livestream_web.assets import Assets
from livestream_web.page_models import Live, live_messages, live_names
from livestream_web.rendering import Renderer
from livestream_web.stream_address import StreamAddress

HOME = View(ViewKind.HOME)
ODD_TEXTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; &#x3c;",
    "{{ 7 * 7 }} {% raw %}",
    "\"quotes\" 'and' `ticks`",
    "\u202eright to left\u202c \u2066isolated",
    "zero\u200bwidth\u200d",
    "e\u0301 Z\u0351\u0344\u030b",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\x01\x02\x1f IRC \x03",
    "carriage\r\nreturn \r alone",
    "  leading, \t tabs and trailing  ",
    "\n\nlines\n",
    "",
    "]]>--><!-- <title>",
    "x" * 16_384,
]


class TextsOfMessages(HTMLParser):
    """Gathers what a browser would show as the text of each message, and which tags there are."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if dict(attrs).get("class") == "text":
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(Assets(), StreamAddress.parse(":8082"))


def message(text: str, user: str = "u", channel: str = "c") -> MessageRow:
    return message_row(
        channel=channel, id_="1", user=user, ts_ms=1, append_ms=1, offset=0, text=text, edited_ts_ms=None
    )


def home(renderer: Renderer, rows: list[MessageRow], names: list[NameRow]) -> str:
    context = {
        "live": Live(HOME, "0123456789abcdef-7"),
        "totals": Totals(1234567, 2, 3),
        "messages": live_messages("/messages", "/api/v1/messages", HOME, rows, has_older=False),
        "channels": live_names("channels", names, 10, has_more=False, sortable=False),
        "users": live_names("users", names, 10, has_more=False, sortable=False),
    }
    page = renderer.page(make_mocked_request("GET", "/", headers={"Host": "localhost"}), "home.html", context)
    assert page.text is not None
    return page.text


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_every_text_is_shown_as_text(renderer: Renderer, text: str) -> None:
    plain, odd = TextsOfMessages(), TextsOfMessages()
    plain.feed(home(renderer, [message("plain")], []))
    odd.feed(home(renderer, [message(text)], []))
    assert odd.texts[0] == text
    assert odd.tags == plain.tags


def test_names_are_isolated_linked_and_escaped(renderer: Renderer) -> None:
    page = home(renderer, [message("hi", "<u>/א", "#c&d")], [NameRow("<u>/א", "<Dr.>", 1234, 5)])
    assert '<a class="user" href="/users/%3Cu%3E%2F%D7%90"><bdi>&lt;u&gt;/א</bdi></a>' in page
    assert '<a class="channel" href="/channels/%23c%26d"><bdi>#c&amp;d</bdi></a>' in page
    assert '<bdi class="shown">&lt;Dr.&gt;</bdi></a> <bdi class="plain">&lt;u&gt;/א</bdi>' in page
    assert '<td role="cell" class="count">1,234</td>' in page


def test_a_page_says_where_its_stream_goes_on(renderer: Renderer) -> None:
    page = home(renderer, [], [])
    assert 'data-view="home" data-cursor="0123456789abcdef-7" data-streams="//localhost:8082/v1/streams"' in page
    assert '<dd data-total="messages">1,234,567</dd>' in page


def test_messages_stand_newest_first(renderer: Renderer) -> None:
    page = home(renderer, [message("older"), message("newer")], [])
    assert page.index(">newer<") < page.index(">older<")
    assert '<time datetime="1970-01-01T00:00:00.001Z">1970-01-01 00:00:00.001</time>' in page
