"""Names and ids in URL paths: percent-encoded by whoever links, decoded here exactly once."""

from urllib.parse import quote, unquote_to_bytes

from aiohttp import web

from livestream.texts import check_id, check_name

# Where they stand among a path's segments; the first segment is the empty one before the leading slash.
PAGE_NAME_SEGMENT = 2
API_NAME_SEGMENT = 4
PAGE_ID_SEGMENT = 4
API_ID_SEGMENT = 6

# Where a page marks one of its messages.
MARK = "message"


def quote_name(name: str) -> str:
    """A name as one segment of a path: `a/b` is `a%2Fb`."""
    return quote(name, safe="")


def message_path(channel: str, id_: str) -> str:
    """The page of one message, from where its channel's others can be read, at the message."""
    return f"/channels/{quote_name(channel)}/messages/{quote(id_, safe='')}#{MARK}"


def name_in_path(request: web.Request, segment: int) -> str:
    """The name in a segment of the path as it was sent: the router's own decoding would change `%2F` and `%25`.

    Raises ValueError where it cannot be a name.
    """
    return check_name(_text_in_path(request, segment))


def id_in_path(request: web.Request, segment: int) -> str:
    """A message's id, likewise. Raises ValueError where it cannot be one."""
    return check_id(_text_in_path(request, segment))


def _text_in_path(request: web.Request, segment: int) -> str:
    return unquote_to_bytes(request.rel_url.raw_path.split("/")[segment]).decode()
