"""Templates → pages. Autoescaped throughout: what people wrote is text and never markup."""

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from livestream import times
from livestream.deltas import NameRow
from livestream_web.assets import Assets
from livestream_web.page_models import ShownMessage
from livestream_web.paths import message_path, quote_name
from livestream_web.problems import NO_STORE
from livestream_web.security import page_headers
from livestream_web.stream_address import StreamAddress

PRODUCT: Final = "Livestream"


class Renderer:
    def __init__(self, assets: Assets, stream: StreamAddress) -> None:
        self._stream = stream
        self._environment = Environment(
            loader=PackageLoader("livestream_web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "name_path": quote_name,
            "message_path": message_path,
            "number": shown_number,
            "time": shown_time,
            "time_of_day": time_of_day,
            "rfc3339": times.format_ms,
            "exactly": exactly,
        }
        self._environment.globals |= {
            "asset": assets.path,
            "modules": assets.modules,
            "product": PRODUCT,
            "blank_message": ShownMessage("", "", "", "", "", 0),
            "blank_name": NameRow("", "", 0, 0),
        }

    def page(
        self, request: web.Request, template: str, context: dict[str, Any], status: HTTPStatus = HTTPStatus.OK
    ) -> web.Response:
        """Raises stream_address.BadHostError."""
        origin = self._stream.seen_from(request.host)
        shared = {
            "refresh": request.raw_path,
            "streams": f"{origin.url}/v1/streams",
            "now": times.format_ms(times.now_ms()),
        }
        body = self._environment.get_template(template).render(shared | context)
        headers = {**NO_STORE, **page_headers(origin.policy_source), "Vary": "Accept-Encoding"}
        answer = web.Response(text=body, status=status, content_type="text/html", headers=headers)
        answer.enable_compression()
        return answer


RENDERER: Final = web.AppKey("renderer", Renderer)


def shown_number(value: int) -> str:
    """Thousands apart by commas, as `static/format.js` does."""
    return f"{value:,}"


def shown_time(rfc3339: str) -> str:
    """`2026-01-02 03:04:05.678` for what ends in `Z`, as `static/format.js` does."""
    return rfc3339.replace("T", " ").removesuffix("Z")


def time_of_day(rfc3339: str) -> str:
    """`03:04:05 UTC`, as `static/format.js` does."""
    return f"{rfc3339[11:19]} UTC"


def exactly(text: str) -> Markup:
    """Escaped so that the parser gives back every character: it would turn a bare carriage return into a line feed."""
    return escape(text).replace("\r", Markup("&#13;"))
