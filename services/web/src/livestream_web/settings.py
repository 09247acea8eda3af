"""The service's configuration, from environment variables."""

import msgspec

from livestream.service import ProcessSettings
from livestream.settings import Environment, database_url, redis_url
from livestream_web.stream_address import EXPECTED, StreamAddress

DEFAULT_PORT = 8080
_STREAM_DEFAULT = StreamAddress(port=8082)
# Pages beyond the newest messages read Postgres; a few connections carry many viewers, and more would only queue there.
_CONNECTIONS_DEFAULT = 10


class Settings(msgspec.Struct, frozen=True):
    """HOST, PORT, LOG_*, DATABASE_URL, REDIS_URL, POSTGRES_CONNECTIONS and STREAM_URL."""

    process: ProcessSettings
    database_url: str
    redis_url: str
    postgres_connections: int
    stream: StreamAddress

    @classmethod
    def read(cls, env: Environment) -> "Settings":
        """Raises SettingsError, which tells all problems at once."""
        settings = cls(
            process=ProcessSettings.read(env, DEFAULT_PORT),
            database_url=database_url(env),
            redis_url=redis_url(env),
            postgres_connections=env.integer("POSTGRES_CONNECTIONS", _CONNECTIONS_DEFAULT, minimum=1, maximum=1000),
            stream=env.parsed("STREAM_URL", _STREAM_DEFAULT, StreamAddress.parse, EXPECTED),
        )
        env.check()
        return settings
