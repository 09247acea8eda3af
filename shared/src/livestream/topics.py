"""The topics: made where they are missing, checked where they exist."""

import math
from typing import Final

import msgspec
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, USERS_TOPIC
from livestream.kafka import AIOKafkaAdminClient
from livestream.letter_settings import letter_configs
from livestream.logs import get_logger
from livestream.retention import DAY_MS
from livestream.settings import Environment

REQUEST_TIMEOUT_MS: Final = 10_000
# With three, one can fail while another is being restarted.
_REPLICAS_AT_MOST: Final = 3
_LOG_APPEND_TIME: Final = "LogAppendTime"
# A hundred years: more is forever.
_RETENTION_DAYS_AT_MOST: Final = 36_500
# A rebuild begins at the oldest message that history holds, which goes some hours later than it might.
_LOG_OUTLIVES_HISTORY_MS: Final = DAY_MS
# What we make ourselves is kept a day longer than that: a rebuild takes its time.
_SPARE_MS: Final = DAY_MS

_log = get_logger(__name__)


class TopicError(Exception):
    """A topic exists but cannot be used as it is; the message says what to do."""


class TopicSettings(msgspec.Struct, frozen=True):
    """What services are told of the topics.

    `partitions` counts only when `messages.v1` is made. `replication_factor` of -1 means one replica a broker, but at
    most three. `retention_days` is how long history is kept, None: forever.
    """

    partitions: int = 12
    replication_factor: int = -1
    retention_days: int | None = None

    @classmethod
    def read(cls, env: Environment) -> "TopicSettings":
        """The caller checks `env`."""
        return cls(
            partitions=env.integer("MESSAGES_PARTITIONS", 12, minimum=1, maximum=10_000),
            replication_factor=env.integer("KAFKA_REPLICATION_FACTOR", -1, minimum=-1, maximum=32_767) or -1,
            retention_days=env.optional_integer("RETENTION_DAYS", minimum=1, maximum=_RETENTION_DAYS_AT_MOST),
        )

    @property
    def log_configs(self) -> dict[str, str]:
        """Of `messages.v1` and `users.v1`, where they are to be made."""
        configs = {"message.timestamp.type": _LOG_APPEND_TIME, "retention.ms": "-1", "retention.bytes": "-1"}
        if self.retention_days is not None:
            kept_ms = (self.retention_days + 1) * DAY_MS + _SPARE_MS
            # Kafka drops whole segments, and only those that are closed: deleted users' texts wait for that.
            configs |= {"retention.ms": str(kept_ms), "segment.ms": str(DAY_MS)}
        return configs

    @property
    def least_kept_ms(self) -> float:
        """How long the log has to be kept at least."""
        if self.retention_days is None:
            return math.inf
        return self.retention_days * DAY_MS + _LOG_OUTLIVES_HISTORY_MS


async def ensure_topics(bootstrap_servers: str, settings: TopicSettings) -> int:
    """Make what is missing and check what is there; returns the number of partitions of `messages.v1`.

    Raises TopicError, and KafkaError while the broker is away.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        if settings.replication_factor < 1:
            replicas = min(_REPLICAS_AT_MOST, len((await admin.describe_cluster())["brokers"]))
            settings = msgspec.structs.replace(settings, replication_factor=replicas)
        for topic in _wanted(settings):
            await _create_if_missing(admin, topic)
        await _check_configs(admin, settings)
        counts = await _count_partitions(admin)
    finally:
        await admin.close()
    if counts[USERS_TOPIC] != 1:
        raise TopicError(f"{USERS_TOPIC} has {counts[USERS_TOPIC]} partitions, but must have 1: make it anew")
    return counts[MESSAGES_TOPIC]


def _wanted(settings: TopicSettings) -> list[NewTopic]:
    replicas = settings.replication_factor
    return [
        NewTopic(MESSAGES_TOPIC, settings.partitions, replicas, topic_configs=settings.log_configs),
        NewTopic(USERS_TOPIC, 1, replicas, topic_configs=settings.log_configs),
        NewTopic(DEAD_LETTER_TOPIC, 1, replicas, topic_configs=letter_configs()),
    ]


async def _create_if_missing(admin: AIOKafkaAdminClient, topic: NewTopic) -> None:
    response = await admin.create_topics([topic], timeout_ms=REQUEST_TIMEOUT_MS)
    for _, code, *_ in response.topic_errors:
        error: type[KafkaError] = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"could not create {topic.name}")
        if not code:
            _log.info("topic_created", topic=topic.name, partitions=topic.num_partitions)


async def _count_partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    counts: dict[str, int] = {}
    for topic in await admin.describe_topics([MESSAGES_TOPIC, USERS_TOPIC]):
        error: type[KafkaError] = for_code(topic["error_code"])
        if topic["error_code"]:  # a broker hears of a new topic a moment after it was made
            raise error(f"could not describe {topic['topic']}")
        counts[topic["topic"]] = len(topic["partitions"])
    return counts


async def _check_configs(admin: AIOKafkaAdminClient, settings: TopicSettings) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in (MESSAGES_TOPIC, USERS_TOPIC)]
    for response in await admin.describe_configs(resources):
        for _, _, _, topic, entries in response.resources:
            configs = {name: value for name, value, *_ in entries}
            _check_log(topic, configs)
            _compare_retention(topic, configs, settings.least_kept_ms)


def _check_log(topic: str, configs: dict[str, str]) -> None:
    """Raises TopicError where nothing that is folded from there would be right."""
    kind = configs.get("message.timestamp.type", _LOG_APPEND_TIME)
    if kind != _LOG_APPEND_TIME:
        raise TopicError(
            f"{topic} has message.timestamp.type={kind}, but times are only known with {_LOG_APPEND_TIME}: "
            f"{_alter(topic, 'message.timestamp.type', _LOG_APPEND_TIME)}"
        )
    policy = configs.get("cleanup.policy", "delete")
    if "compact" in policy:
        raise TopicError(
            f"{topic} has cleanup.policy={policy}, but every record counts, also where one with the same key follows: "
            f"{_alter(topic, 'cleanup.policy', 'delete')}"
        )


def _compare_retention(topic: str, configs: dict[str, str], least_ms: float) -> None:
    """What is folded stays right; but a rebuild needs the log, and a deleted user's text should not outlive its use."""
    kept = int(configs.get("retention.ms", "-1"))
    kept_ms = math.inf if kept < 0 else kept
    if kept_ms < least_ms:
        wanted = "-1" if least_ms == math.inf else f"{least_ms:.0f}"
        _log.warning(
            "log_kept_too_short", topic=topic, retention_ms=kept, remedy=_alter(topic, "retention.ms", wanted),
            consequence="a rebuild and a verification are impossible once Kafka has dropped records of kept history",
        )  # fmt: skip
    elif kept_ms > least_ms + _SPARE_MS:
        _log.info(
            "log_outlives_history", topic=topic, retention_ms=kept,
            remedy=_alter(topic, "retention.ms", f"{least_ms + _SPARE_MS:.0f}"),
        )  # fmt: skip


def _alter(topic: str, name: str, value: str) -> str:
    return f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {name}={value}"
