"""What the environment says about this service."""

from pathlib import Path
from typing import Final

import msgspec

from livestream.api_keys import KeysError, read_keys
from livestream.service import ProcessSettings
from livestream.settings import Environment, kafka_servers
from livestream.topics import TopicSettings

DEFAULT_PORT: Final = 8081

# Half a second of a fast log. More would only make those wait longer whose records stand at the end.
DEFAULT_IN_FLIGHT_BYTES: Final = 32 * 1024 * 1024
# Below this, a few requests of the longest allowed lines would wait for each other.
LEAST_IN_FLIGHT_BYTES: Final = 1024 * 1024


class Settings(msgspec.Struct, frozen=True):
    """`rate_limit_per_second` counts items; 0 is no limit. `api_keys_file`: None where everybody may write."""

    process: ProcessSettings
    kafka_bootstrap_servers: str
    topics: TopicSettings
    ack_timeout_seconds: float
    in_flight_bytes: int
    rate_limit_per_second: float
    api_keys_file: Path | None

    @classmethod
    def read(cls, env: Environment) -> "Settings":
        """Raises SettingsError."""
        settings = cls(
            process=ProcessSettings.read(env, DEFAULT_PORT),
            kafka_bootstrap_servers=kafka_servers(env),
            topics=TopicSettings.read(env),
            ack_timeout_seconds=env.number("KAFKA_ACK_TIMEOUT_SECONDS", 10.0, minimum=0.1),
            in_flight_bytes=env.integer("MAX_IN_FLIGHT_BYTES", DEFAULT_IN_FLIGHT_BYTES, minimum=LEAST_IN_FLIGHT_BYTES),
            rate_limit_per_second=env.number("RATE_LIMIT_PER_SECOND", 0.0),
            api_keys_file=env.parsed("API_KEYS_FILE", None, _keys_file, "a file as `./live keys create` makes it"),
        )
        if settings.api_keys_file is None:
            settings.process.refuse_strangers(env, "write", "API_KEYS_FILE (see `./live keys create`)")
        env.check()
        return settings


def _keys_file(value: str) -> Path:
    path = Path(value)
    try:
        read_keys(path)
    except (KeysError, OSError) as error:
        raise ValueError from error
    return path
