"""`python -m livestream_ingest`."""

from livestream.service import run_service
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_ingest.app import build_app
from livestream_ingest.settings import Settings


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)
    run_service("ingest", settings.process, lambda: build_app(settings))


if __name__ == "__main__":
    main()
