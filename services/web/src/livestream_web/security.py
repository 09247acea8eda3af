"""Headers that tell browsers what our answers may do."""

from aiohttp import web

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def page_headers(stream_source: str) -> dict[str, str]:
    """The policy of a page: nothing but our own files, and the streams."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {stream_source}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy}


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler for `on_response_prepare`."""
    for name, value in _EVERYWHERE.items():
        response.headers.setdefault(name, value)
