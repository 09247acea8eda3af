"""The topics: made where they are missing, checked where they exist."""

from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from livestream.events import DEAD_LETTER_TOPIC, MESSAGES_TOPIC, USERS_TOPIC
from livestream.letter_settings import letter_configs
from livestream.logs import get_logger

REQUEST_TIMEOUT_MS: Final = 10_000
# With three, one can fail while another is being restarted.
_REPLICAS_AT_MOST: Final = 3
_LOG_APPEND_TIME: Final = "LogAppendTime"
_CONFIGS: Final = {"message.timestamp.type": _LOG_APPEND_TIME, "retention.ms": "-1", "retention.bytes": "-1"}

_log = get_logger(__name__)


class TopicError(Exception):
    """A topic exists but cannot be used as it is; the message says what to do."""


async def ensure_topics(bootstrap_servers: str, partitions: int, replication_factor: int) -> int:
    """Make what is missing and check what is there; returns the number of partitions of `messages.v1`.

    `replication_factor` of -1 means one replica a broker, but at most three.
    Raises TopicError, and KafkaError while the broker is away.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        if replication_factor < 1:
            replication_factor = min(_REPLICAS_AT_MOST, len((await admin.describe_cluster())["brokers"]))
        for topic in _wanted(partitions, replication_factor):
            await _create_if_missing(admin, topic)
        await _check_append_time(admin)
        counts = await _count_partitions(admin)
    finally:
        await admin.close()
    if counts[USERS_TOPIC] != 1:
        raise TopicError(f"{USERS_TOPIC} has {counts[USERS_TOPIC]} partitions, but must have 1: make it anew")
    return counts[MESSAGES_TOPIC]


def _wanted(partitions: int, replication_factor: int) -> list[NewTopic]:
    return [
        NewTopic(MESSAGES_TOPIC, partitions, replication_factor, topic_configs=_CONFIGS),
        NewTopic(USERS_TOPIC, 1, replication_factor, topic_configs=_CONFIGS),
        NewTopic(DEAD_LETTER_TOPIC, 1, replication_factor, topic_configs=letter_configs()),
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


async def _check_append_time(admin: AIOKafkaAdminClient) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in (MESSAGES_TOPIC, USERS_TOPIC)]
    for response in await admin.describe_configs(resources):
        for _, _, _, topic, entries in response.resources:
            kind = {name: value for name, value, *_ in entries}.get("message.timestamp.type")
            if kind is not None and kind != _LOG_APPEND_TIME:
                raise TopicError(
                    f"{topic} has message.timestamp.type={kind}, but times are only known with {_LOG_APPEND_TIME}: "
                    f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} "
                    f"--add-config message.timestamp.type={_LOG_APPEND_TIME}"
                )
