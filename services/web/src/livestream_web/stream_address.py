"""Where the pages of a viewer find the streams, and how the security policy names that place."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

EXPECTED = (
    "an absolute http or https URL, a path on the pages' own origin such as /, "
    "or :port for that port of the host that a page was asked from"
)

_PORT = re.compile(r":([1-9][0-9]{0,4})")
_MAX_PORT = 65_535
_PATH = re.compile(r"/(?:[A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*")
# It goes into a header and into the page: nothing but what a host name or an address consists of.
_HOST = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class BadHostError(Exception):
    """A request's Host header is not a host name or address."""


class StreamOrigin(NamedTuple):
    """`url` ends before `/v1/streams`; `policy_source` is what `connect-src` lists."""

    url: str
    policy_source: str


class StreamAddress(NamedTuple):
    """An absolute `url`, a path on the pages' own origin, or a `port` of the host that the page was asked from."""

    url: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "StreamAddress":
        """Raises ValueError where the text is none of these; `EXPECTED` says what is."""
        if match := _PORT.fullmatch(text):
            if int(match[1]) > _MAX_PORT:
                raise ValueError(EXPECTED)
            return cls(port=int(match[1]))
        if _PATH.fullmatch(text):
            return cls(path=text)
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(EXPECTED)
        return cls(text.rstrip("/"))

    def seen_from(self, host_header: str) -> StreamOrigin:
        """The streams for a page that was asked from this host. Raises BadHostError."""
        if self.url:
            parts = urlsplit(self.url)
            return StreamOrigin(self.url, f"{parts.scheme}://{parts.netloc}")
        if self.path:
            return StreamOrigin(self.path.rstrip("/"), "'self'")
        match = _HOST.fullmatch(host_header)
        if match is None:
            raise BadHostError("the Host header must be a host name or an address")
        host = match["host"]
        # Without a scheme it is that of the page, which a proxy in front may have changed from ours.
        # Content Security Policy (section 2.3.1) has no way to write an IPv6 address, hence the wildcard.
        source = f"*:{self.port}" if host.startswith("[") else f"{host}:{self.port}"
        return StreamOrigin(f"//{host}:{self.port}", source)
