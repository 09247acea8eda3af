"""`python -m livestream_auditor`"""

import os

from livestream.service import run_service
from livestream.settings import Environment, SettingsError, stop_on_bad_settings
from livestream_auditor.app import build_app
from livestream_auditor.settings import Settings

# Whatever it shares a machine with goes first.
_NICENESS = 10


def main() -> None:
    try:
        settings = Settings.read(Environment())
    except SettingsError as error:
        stop_on_bad_settings(error)
    os.nice(_NICENESS)
    run_service("auditor", settings.process, lambda: build_app(settings))


if __name__ == "__main__":
    main()
