"""What the launcher tells a person and then stops for."""


class LauncherError(Exception):
    """Something that the person at the terminal can act on; the message says what happened and what to do."""
