"""Where the pages of a viewer find the streams, and how the security policy names that place."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

EXPECTED = "an absolute http or https URL, or :port for that port of the host that a page was asked from"

_PORT = re.compile(r":([1-9][0-9]{0,4})")
_MAX_PORT = 65_535
# It goes into a header and into the page: nothing but what a host name or an address consists of.
_HOST = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class BadHostError(Exception):
    """A request's Host header is not a host name or address."""


class StreamOrigin(NamedTuple):
    """`url` ends before `/v1/streams`; `policy_source` is what `connect-src` lists."""

    url: str
    policy_source: str


class StreamAddress(NamedTuple):
    """An absolute `url`, or (where that is empty) a `port` of the host that the page was asked from."""

    url: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "StreamAddress":
        """Raises ValueError where the text is neither form; `EXPECTED` says what is."""
        if match := _PORT.fullmatch(text):
            if int(match[1]) > _MAX_PORT:
                raise ValueError(EXPECTED)
            return cls("", int(match[1]))
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(EXPECTED)
        return cls(text.rstrip("/"), 0)

    def seen_from(self, host_header: str) -> StreamOrigin:
        """The streams for a page that was asked from this host. Raises BadHostError."""
        if self.url:
            parts = urlsplit(self.url)
            return StreamOrigin(self.url, f"{parts.scheme}://{parts.netloc}")
        match = _HOST.fullmatch(host_header)
        if match is None:
            raise BadHostError("the Host header must be a host name or an address")
        host = match["host"]
        # Without a scheme it is that of the page, which a proxy in front may have changed from ours.
        # Content Security Policy (section 2.3.1) has no way to write an IPv6 address, hence the wildcard.
        source = f"*:{self.port}" if host.startswith("[") else f"{host}:{self.port}"
        return StreamOrigin(f"//{host}:{self.port}", source)
