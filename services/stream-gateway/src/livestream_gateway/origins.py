"""Which pages may read the streams: web's own origin, as CORS names it (WHATWG Fetch, "HTTP extensions"). Pure."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

EXPECTED_ORIGINS: Final = "origins such as https://example.org separated by commas, or :port for that port of our host"

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Hostnames are in lower case, without the brackets of an IPv6 address."""

    scheme: str
    hostname: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Raises ValueError where the text is not an http or https origin."""
        parts = urlsplit(text)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
            raise ValueError(f"{text!r} is not an origin")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError(f"{text!r} is more than an origin")
        # Browsers leave a scheme's own port out.
        return cls(parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port)


class Origins(NamedTuple):
    """`listed` origins, and pages on one of `ports` of the host that the stream itself was asked from."""

    listed: frozenset[Origin]
    ports: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> "Origins":
        """Raises ValueError."""
        items = [item.strip() for item in text.split(",") if item.strip()]
        ports = frozenset(_port(item[1:]) for item in items if item.startswith(":"))
        return cls(frozenset(Origin.parse(item) for item in items if not item.startswith(":")), ports)

    def allow(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` (as the header says) may read what was asked from `host` (as its header says)."""
        try:
            asking = Origin.parse(origin)
            return asking in self.listed or (
                asking.port in self.ports and asking.hostname == urlsplit(f"//{host}").hostname
            )
        except ValueError:
            return False


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65_536:
        raise ValueError(f"{port} is not a port")
    return port
