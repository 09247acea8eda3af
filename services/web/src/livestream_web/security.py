"""Headers that tell browsers what our answers may do."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from livestream_web.stream_address import BadHostError, StreamAddress

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def page_headers(stream_source: str) -> dict[str, str]:
    """The policy of a page: our own files and the streams only. `trusted-types` names the one policy of its script."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; worker-src 'self'; "
        f"connect-src 'self' {stream_source}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types livestream"
    )
    return {"Content-Security-Policy": policy}


def protect_workers(stream: StreamAddress) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler for `on_response_prepare`: a worker has the policy that its script came with, not its page's."""

    async def add_policy(request: web.Request, response: web.StreamResponse) -> None:
        if response.content_type != "text/javascript":
            return
        try:
            source = stream.seen_from(request.host).policy_source
        except BadHostError:
            source = "'none'"
        response.headers["Content-Security-Policy"] = f"default-src 'none'; script-src 'self'; connect-src {source}"

    return add_policy


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """A signal handler for `on_response_prepare`."""
    for name, value in _EVERYWHERE.items():
        response.headers.setdefault(name, value)
