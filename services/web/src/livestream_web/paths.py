"""Names in URL paths: percent-encoded by whoever links, decoded here exactly once."""

from urllib.parse import quote, unquote_to_bytes

from aiohttp import web

from livestream.texts import check_name

# Where the name stands among a path's segments; the first segment is the empty one before the leading slash.
PAGE_NAME_SEGMENT = 2
API_NAME_SEGMENT = 4


def quote_name(name: str) -> str:
    """A name as one segment of a path: `a/b` is `a%2Fb`."""
    return quote(name, safe="")


def name_in_path(request: web.Request, segment: int) -> str:
    """The name in a segment of the path as it was sent: the router's own decoding would change `%2F` and `%25`.

    Raises ValueError where it cannot be a name.
    """
    raw = request.rel_url.raw_path.split("/")[segment]
    return check_name(unquote_to_bytes(raw).decode())
