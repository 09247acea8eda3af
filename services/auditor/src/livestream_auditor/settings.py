"""The auditor's configuration, from environment variables."""

import msgspec

from livestream.service import ProcessSettings
from livestream.settings import Environment, database_url, kafka_servers, redis_url

DEFAULT_PORT = 8088

# About 400 bytes each: it takes less than 100 MB, and a second to judge.
_MOST_MESSAGES = 200_000


class Settings(msgspec.Struct, frozen=True):
    """`sample` is the share of channels to begin with, from 0 to 1; it shrinks so that `most_messages` are enough."""

    process: ProcessSettings
    kafka_servers: str
    database_url: str
    redis_url: str
    stream_url: str
    interval_s: float
    sample: float
    most_messages: int
    # Walking through so many rows of Redis takes two seconds; where there are more, only sampled channels are read.
    most_names: int = 200_000
    # Postgres has to do other things too.
    statement_timeout_s: float = 60.0

    @classmethod
    def read(cls, env: Environment) -> "Settings":
        """Raises SettingsError."""
        settings = cls(
            process=ProcessSettings.read(env, DEFAULT_PORT),
            kafka_servers=kafka_servers(env),
            database_url=database_url(env),
            redis_url=redis_url(env),
            stream_url=env.http_url("AUDIT_STREAM_URL", "http://127.0.0.1:8082"),
            interval_s=env.number("AUDIT_INTERVAL_SECONDS", 60.0, minimum=0.1),
            sample=env.parsed("AUDIT_SAMPLE", 1.0, _share, "a number above 0 and up to 1"),
            most_messages=env.integer("AUDIT_MESSAGES", _MOST_MESSAGES, minimum=1_000, maximum=100_000_000),
        )
        env.check()
        return settings


def _share(value: str) -> float:
    share = float(value)
    if not 0 < share <= 1:
        raise ValueError
    return share
