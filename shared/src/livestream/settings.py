"""Configuration from environment variables, checked at start, all problems told at once."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

_CREDENTIALS = re.compile(r"(?<=//).*@", re.DOTALL)


class SettingsError(Exception):
    """One line a problem: the variable, what it is, and what was expected."""


class Environment:
    """Reads variables and gathers what is wrong with them; `check` raises SettingsError for all of it.

    An empty variable counts as unset.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values
        self._problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._values.get(name) or default

    def integer(self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        def parse(value: str) -> int:
            number = int(value)
            if not minimum <= number <= maximum:
                raise ValueError
            return number

        return self.parsed(name, default, parse, f"a whole number from {minimum} to {maximum}")

    def optional_integer(self, name: str, *, minimum: int, maximum: int) -> int | None:
        """None where it is unset."""
        return self.integer(name, minimum, minimum=minimum, maximum=maximum) if self._values.get(name) else None

    def number(self, name: str, default: float, *, minimum: float = 0.0) -> float:
        def parse(value: str) -> float:
            number = float(value)
            if not minimum <= number < float("inf"):
                raise ValueError
            return number

        return self.parsed(name, default, parse, f"a number from {minimum}")

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        def parse(value: str) -> str:
            if value not in choices:
                raise ValueError
            return value

        return self.parsed(name, default, parse, f"one of {', '.join(choices)}")

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        """Of a server that takes a password: wherever that stands in what was given, it is not told."""

        def parse(value: str) -> str:
            parts = urlsplit(value)
            if parts.scheme not in schemes or not (parts.netloc or parts.path):
                raise ValueError
            return value

        expected = f"a URL that begins with {' or '.join(s + '://' for s in schemes)}"
        return self.parsed(name, default, parse, expected, is_secret=True)

    def http_url(self, name: str, default: str) -> str:
        def parse(value: str) -> str:
            parts = urlsplit(value)
            # Reading the port raises ValueError where it is none.
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
                raise ValueError
            return value

        return self.parsed(name, default, parse, "a URL with a host that begins with http:// or https://")

    def servers(self, name: str, default: str) -> str:
        def parse(value: str) -> str:
            for server in value.split(","):
                host, _, port = server.strip().rpartition(":")
                if not host or not 0 < int(port) < 65_536:
                    raise ValueError
            return value

        return self.parsed(name, default, parse, "host:port, several separated by commas")

    def parsed(self, name: str, default: T, parse: Callable[[str], T], expected: str, *, is_secret: bool = False) -> T:
        """A variable of a form of its own: `parse` raises ValueError, and `expected` completes "but must be …"."""
        value = self._values.get(name)
        if not value:
            return default
        try:
            return parse(value)
        except ValueError:
            shown = "a value that is not shown" if is_secret else repr(_CREDENTIALS.sub("…@", value))
            self._problems.append(f"{name} is {shown}, but must be {expected}")
            return default

    def refuse(self, problem: str) -> None:
        """What is wrong with several variables together."""
        self._problems.append(problem)

    def check(self) -> None:
        if self._problems:
            raise SettingsError("\n".join(self._problems))


def stop_on_bad_settings(error: SettingsError) -> NoReturn:
    """Say what is wrong on standard error and exit with status 2."""
    sys.stderr.write(f"{error}\n")
    sys.exit(2)


KAFKA_DEFAULT = "127.0.0.1:9092"
DATABASE_DEFAULT = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS_DEFAULT = "redis://127.0.0.1:6379/0"


def kafka_servers(env: Environment) -> str:
    return env.servers("KAFKA_BOOTSTRAP_SERVERS", KAFKA_DEFAULT)


def database_url(env: Environment) -> str:
    return env.url("DATABASE_URL", DATABASE_DEFAULT, ("postgresql", "postgres"))


def redis_url(env: Environment) -> str:
    return env.url("REDIS_URL", REDIS_DEFAULT, ("redis", "rediss", "unix"))
