"""What lets dead letters go: the settings of their topic, also where it was made before or by somebody else.

The text of a deleted user goes when the broker compacts, not when the tombstone is written. `max.compaction.lag.ms`
bounds that: a segment that is so old is closed by the next append, and what is closed is then compacted at once.
"""

from typing import Final

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from livestream.events import DEAD_LETTER_TOPIC
from livestream.kafka import AIOKafkaAdminClient, AIOKafkaClient
from livestream.logs import get_logger
from livestream.retries import describe
from livestream.topic_configs import alter_topic

# A quarter of the day that the contract gives; brokers that several share allow no less.
COMPACTION_LAG_MS: Final = 6 * 60 * 60 * 1000
# Nobody may remember what a letter holds of a user who has gone since: none is kept for longer than this.
RETENTION_MS: Final = 7 * 24 * 60 * 60 * 1000
# A dead letter is the record as it was, with headers that say why: it needs more room than the record had.
MAX_BYTES: Final = 8 * 1024 * 1024

_POLICY: Final = frozenset({"compact", "delete"})
_REQUEST_TIMEOUT_MS: Final = 10_000

_log = get_logger(__name__)


def letter_configs(compaction_lag_ms: int = COMPACTION_LAG_MS) -> dict[str, str]:
    """Of a topic that is to be made."""
    return {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(RETENTION_MS),
        "max.message.bytes": str(MAX_BYTES),
        "max.compaction.lag.ms": str(compaction_lag_ms),
    }


def outdated(found: dict[str, str], compaction_lag_ms: int) -> dict[str, str]:
    """The settings to change where a topic has the `found` ones: what goes sooner than we ask for stays so."""
    wanted = letter_configs(compaction_lag_ms)
    is_right = {
        "cleanup.policy": set(found.get("cleanup.policy", "").split(",")) == _POLICY,
        "retention.ms": 0 <= int(found.get("retention.ms", "-1")) <= RETENTION_MS,
        "max.message.bytes": int(found.get("max.message.bytes", "0")) >= MAX_BYTES,
        "max.compaction.lag.ms": 0 < int(found.get("max.compaction.lag.ms", "0")) <= compaction_lag_ms,
    }
    return {name: wanted[name] for name, right in is_right.items() if not right}


async def keep_letters_mortal(bootstrap_servers: str, compaction_lag_ms: int) -> None:
    """Bring the topic's settings up to date; a broker that does not let us is left as it is, with a warning.

    Raises KafkaError where trying again can help.
    """
    settings: dict[str, str] = {}
    try:
        settings = outdated(await _found(bootstrap_servers), compaction_lag_ms)
        if settings:
            await _alter(bootstrap_servers, settings)
            _log.info("topic_altered", topic=DEAD_LETTER_TOPIC, settings=settings)
    except (KafkaError, NotImplementedError) as error:  # the latter: no version of the request that both know
        if isinstance(error, KafkaError) and error.retriable:
            raise
        _log.warning("topic_not_altered", topic=DEAD_LETTER_TOPIC, settings=settings, error=describe(error))


async def _found(bootstrap_servers: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, DEAD_LETTER_TOPIC)])
    finally:
        await admin.close()
    [(code, message, _, _, entries)] = response.resources
    if code:
        raise for_code(code)(message)
    return {name: value for name, value, *_ in entries if value}


async def _alter(bootstrap_servers: str, settings: dict[str, str]) -> None:
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        await alter_topic(client, DEAD_LETTER_TOPIC, settings)
    finally:
        await client.close()
