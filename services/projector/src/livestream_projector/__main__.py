"""`python -m livestream_projector`"""

from livestream.service import run_service
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_projector.app import build_app
from livestream_projector.settings import Settings


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)
    run_service("projector", settings.process, lambda: build_app(settings))


if __name__ == "__main__":
    main()
