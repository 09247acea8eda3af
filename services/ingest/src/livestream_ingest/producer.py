"""One connected Kafka producer, made anew when the old one cannot go on."""

import asyncio
from typing import Final

from aiokafka.errors import KafkaError

from livestream.kafka import AIOKafkaProducer
from livestream.logs import get_logger
from livestream.retries import describe, until_it_works
from livestream.topics import TopicSettings, ensure_topics
from livestream_ingest.lane import Batch

# A producer that does not get its id in this time is tried anew, so that what stopped it is logged and counted.
CONNECT_TIMEOUT_SECONDS: Final = 15.0
# A request that is under way then is answered, or it never will be.
CLOSE_TIMEOUT_SECONDS: Final = 3.0
# Large enough to make batches cheap, and far below a broker's default for its largest (1 MiB). Each partition's current
# one is held in memory beyond what the budget counts.
BATCH_BYTES: Final = 256 * 1024

_log = get_logger(__name__)


class NotConnectedError(Exception):
    """There is no connection to Kafka now; the message says why."""


class Connection:
    """The life of one producer. aiokafka retries by itself what may be retried, for as long as it takes.

    When a batch fails nevertheless, the sequence numbers of its partition have a gap that the broker refuses for good:
    so the producer is given up.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way: set[asyncio.Future[object]] = set()
        self.lost_because = ""

    def new_batch(self) -> Batch:
        batch: Batch = self._producer.create_batch()
        return batch

    async def deliver(self, batch: Batch, topic: str, partition: int) -> None:
        """Return when all in-sync replicas have the batch. What is raised leaves open whether they have."""
        try:
            delivered = await self._producer.send_batch(batch, topic, partition=partition)
            if self._lost.done():
                delivered.cancel()
            await self._outcome(delivered)
        except Exception as error:
            self.give_up(error)
            raise

    async def _outcome(self, delivered: asyncio.Future[object]) -> None:
        self._under_way.add(delivered)
        try:
            await delivered
        except asyncio.CancelledError:
            if self._lost.done():
                raise NotConnectedError(self.lost_because) from None
            raise
        finally:
            self._under_way.discard(delivered)

    async def check(self) -> None:
        """Ask a broker something. Raises KafkaError."""
        await self._producer.client.fetch_all_metadata()

    def give_up(self, error: BaseException) -> None:
        """Fail what is under way. Only the first call counts."""
        if not self._lost.done():
            self.lost_because = describe(error)
            self._lost.set_result(None)
            for delivered in self._under_way:
                delivered.cancel()

    async def wait_until_lost(self) -> None:
        await asyncio.shield(self._lost)

    async def close(self) -> None:
        """Send nothing more. Unlike the producer's own `stop`, this does not wait for brokers that may be gone."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await self._producer._sender.close()  # noqa: SLF001 - what ends its retries has no public name
        except TimeoutError:
            _log.warning("kafka_close_timeout", timeout_s=CLOSE_TIMEOUT_SECONDS)
        self._producer._closed = True  # noqa: SLF001 - and so it need not warn that `stop` was not called
        await self._producer.client.close()


class ProducerKeeper:
    """Holds a connection with an idempotent producer whose batches all in-sync replicas acknowledge."""

    def __init__(self, bootstrap_servers: str, topics: TopicSettings, request_timeout_seconds: float) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._request_timeout_ms = int(request_timeout_seconds * 1000)
        self._connection: Connection | None = None
        self._reason = "still connecting"
        self.partitions = topics.partitions

    @property
    def connection(self) -> Connection:
        """Raises NotConnectedError."""
        if self._connection is None:
            raise NotConnectedError(f"no connection to Kafka: {self._reason}")
        return self._connection

    async def check(self) -> None:
        """Raises where Kafka does not answer."""
        await self.connection.check()

    async def run(self) -> None:
        """Keep a producer connected until cancelled. Raises TopicError where the topics cannot be used."""
        while True:
            connection = await until_it_works("kafka_connect", self._try_to_connect, (KafkaError, OSError))
            _log.info("kafka_connected", partitions=self.partitions)
            self._connection = connection
            try:
                await connection.wait_until_lost()
                self._reason = connection.lost_because
                _log.warning("kafka_connection_lost", reason=self._reason)
            finally:
                self._connection = None
                connection.give_up(NotConnectedError("shutting down"))
                await connection.close()

    async def _try_to_connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                return await self._connect()
        except Exception as error:
            self._reason = describe(error)
            raise

    async def _connect(self) -> Connection:
        self.partitions = await ensure_topics(self._bootstrap_servers, self._topics)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=self._request_timeout_ms,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return Connection(producer)
