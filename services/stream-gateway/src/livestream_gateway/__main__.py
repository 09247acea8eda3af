"""`python -m livestream_gateway`"""

import resource
from contextlib import suppress

from aiohttp import web

from livestream.service import run_service
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_gateway.app import DRAIN, build_app
from livestream_gateway.drain import drain_on_signals
from livestream_gateway.settings import Settings


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)

    def build() -> web.Application:
        app = build_app(settings)
        drain_on_signals(app, app[DRAIN])
        return app

    _allow_many_connections()
    run_service("gateway", settings.process, build)


def _allow_many_connections() -> None:
    """A stream is an open file, and the usual limit of 1,024 is for programs that might use select(2): raise it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where "most" says without limit and the system has another one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
