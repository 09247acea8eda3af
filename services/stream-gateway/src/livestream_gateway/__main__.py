"""`python -m livestream_gateway`"""

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

    run_service("gateway", settings.process, build)


if __name__ == "__main__":
    main()
