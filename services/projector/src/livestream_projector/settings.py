"""The projector's configuration."""

from pathlib import Path

import msgspec

from livestream.letter_settings import COMPACTION_LAG_MS
from livestream.service import ProcessSettings
from livestream.settings import Environment, database_url, kafka_servers, redis_url
from livestream.topics import TopicSettings

DEFAULT_PORT = 8083


class Settings(msgspec.Struct, frozen=True):
    """`partitions` counts only when `messages.v1` is made; `replication_factor` of -1: one a broker, at most 3."""

    process: ProcessSettings
    kafka_servers: str
    database_url: str
    redis_url: str
    topics: TopicSettings
    group: str
    batch_records: int
    batch_interval_ms: int
    letter_erasure_s: int
    letter_compaction_s: int
    word_erasure_s: int
    failpoints: Path | None

    @classmethod
    def read(cls, env: Environment) -> "Settings":
        """Raises SettingsError."""
        settings = cls(
            process=ProcessSettings.read(env, DEFAULT_PORT),
            kafka_servers=kafka_servers(env),
            database_url=database_url(env),
            redis_url=redis_url(env),
            topics=TopicSettings.read(env),
            group=env.text("PROJECTOR_GROUP", "livestream-projector"),
            # Larger batches cost less a message, smaller ones keep memory and a transaction's time low.
            batch_records=env.integer("PROJECTOR_BATCH_RECORDS", 5_000, minimum=1, maximum=100_000),
            # A batch has fixed costs; this much waiting lets some messages share them, well below a frame's tick.
            batch_interval_ms=env.integer("PROJECTOR_BATCH_INTERVAL_MS", 25, maximum=10_000),
            # Together with the broker's own work this stays within the day that a deleted user's letters may last.
            letter_erasure_s=env.integer("DEAD_LETTER_ERASURE_SECONDS", 3_600, minimum=1, maximum=3 * 3_600),
            letter_compaction_s=env.integer(
                "DEAD_LETTER_COMPACTION_SECONDS", COMPACTION_LAG_MS // 1000, minimum=1, maximum=12 * 3_600
            ),
            # The rest of the day is for making the indexes anew, and for trying again.
            word_erasure_s=env.integer("WORD_ERASURE_SECONDS", 12 * 3_600, minimum=1, maximum=18 * 3_600),
            failpoints=env.parsed("PROJECTOR_FAILPOINTS", None, _folder, "a folder that is there"),
        )
        env.check()
        return settings


def _folder(value: str) -> Path:
    path = Path(value)
    if not path.is_dir():
        raise ValueError
    return path
