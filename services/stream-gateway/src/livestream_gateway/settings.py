"""The gateway's configuration, from environment variables."""

import msgspec

from livestream.service import ProcessSettings
from livestream.settings import Environment, database_url, redis_url
from livestream_gateway.origins import EXPECTED_ORIGINS, Origins
from livestream_gateway.pace import DEFAULT_TICK_MS, LONGEST_TICK_MS, SHORTEST_TICK_MS

DEFAULT_PORT = 8082

_MIB = 1024 * 1024


class Settings(msgspec.Struct, frozen=True):
    """`replay_bytes` bounds the deltas held for resumption, `client_buffer_bytes` what may wait for one slow client.

    `tick_ms` is the time between two frames of a view, as long as there is time for that.
    """

    process: ProcessSettings
    redis_url: str
    database_url: str
    web_origins: Origins
    replay_bytes: int = 256 * _MIB
    client_buffer_bytes: int = 256 * 1024
    drain_seconds: float = 5.0
    tick_ms: int = DEFAULT_TICK_MS

    @classmethod
    def read(cls, env: Environment) -> "Settings":
        """Raises SettingsError."""
        settings = cls(
            process=ProcessSettings.read(env, DEFAULT_PORT),
            redis_url=redis_url(env),
            database_url=database_url(env),
            web_origins=env.parsed("WEB_ORIGINS", Origins.parse(":8080"), Origins.parse, EXPECTED_ORIGINS),
            replay_bytes=env.integer("REPLAY_BYTES", 256 * _MIB, minimum=_MIB, maximum=2**40),
            client_buffer_bytes=env.integer("CLIENT_BUFFER_BYTES", 256 * 1024, minimum=16 * 1024),
            drain_seconds=env.number("DRAIN_SECONDS", 5.0),
            tick_ms=env.integer("TICK_MS", DEFAULT_TICK_MS, minimum=SHORTEST_TICK_MS, maximum=LONGEST_TICK_MS),
        )
        env.check()
        return settings
