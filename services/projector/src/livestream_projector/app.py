"""The composition root: what the projector is made of, and in which order it starts."""

import asyncio

import asyncpg
import sqlalchemy.exc
from aiohttp import web
from aiokafka.errors import KafkaError

from livestream.clients import POSTGRES_FAILURES
from livestream.events import MESSAGES_TOPIC
from livestream.fold import PartitionState
from livestream.kafka import AIOKafkaProducer
from livestream.letter_settings import keep_letters_mortal
from livestream.logs import get_logger
from livestream.retention import Retention
from livestream.retries import until_it_works
from livestream.service import add_health_routes, run_in_background
from livestream.serving import ServingCopy
from livestream.stores import connect_stores
from livestream.topics import ensure_topics
from livestream_projector import failpoints
from livestream_projector.consumer import Assignment, new_consumer
from livestream_projector.dead_letters import DeadLetterOffice, dead_letter_producer
from livestream_projector.erasure import Eraser
from livestream_projector.generation import live_generation, users_folded
from livestream_projector.history_drop import HistoryDropper
from livestream_projector.letter_erasure import LetterEraser
from livestream_projector.loader import Loader
from livestream_projector.log_check import check_log
from livestream_projector.outbox import Outbox
from livestream_projector.passed_log import PassedLog, load_passed
from livestream_projector.progress import NotReadyError, Progress
from livestream_projector.projector import Projector
from livestream_projector.publisher import Publisher
from livestream_projector.retention import load_retention, settle_retention
from livestream_projector.schema import migrate
from livestream_projector.settings import Settings
from livestream_projector.store import Store
from livestream_projector.users_log import UsersLog
from livestream_projector.word_erasure import WordEraser
from livestream_projector.writes import RetiredError

# The fold uses two connections (one batch is committed while the next one is read), the loader two; the publisher, the
# three erasers, the dropper and the health check one each.
_POSTGRES_CONNECTIONS = 10

# A process that is stopped in the middle of a transaction holds its partitions' rows. Whoever takes the partitions over
# waits for them only so long, and Postgres ends a transaction in which nothing happens.
_POSTGRES_SETTINGS = {"idle_in_transaction_session_timeout": "10s", "lock_timeout": "5s"}


_log = get_logger(__name__)


class Running:
    """What health checks look at: `progress` is None while nothing is folded."""

    progress: Progress | None = None


def build_app(settings: Settings) -> web.Application:
    """An application that serves the health endpoints and folds in the background."""
    failpoints.enable(settings.failpoints)
    app = web.Application()
    stores = connect_stores(app, settings.database_url, settings.redis_url, _POSTGRES_CONNECTIONS, **_POSTGRES_SETTINGS)
    serving = ServingCopy(stores.redis)
    running = Running()

    async def check_kafka() -> None:
        if running.progress is None:
            raise NotReadyError("the projector has not joined its group yet")
        running.progress.check_kafka()

    add_health_routes(app, {"kafka": check_kafka, **stores.checks})
    run_in_background(app, "projector", lambda: _project(settings, stores.postgres, serving, running))
    return app


async def _project(settings: Settings, pool: asyncpg.Pool, serving: ServingCopy, running: Running) -> None:
    """Everything that runs beside the server. Raises where trying again cannot help."""
    await until_it_works("migrate", lambda: migrate(settings.database_url), (sqlalchemy.exc.OperationalError,))
    partitions = await until_it_works(
        "ensure_topics",
        lambda: ensure_topics(settings.kafka_servers, settings.topics),
        (KafkaError,),
    )
    await until_it_works(
        "keep_letters_mortal",
        lambda: keep_letters_mortal(settings.kafka_servers, settings.letter_compaction_s * 1000),
        (KafkaError,),
    )
    await until_it_works("generation", lambda: live_generation(pool, partitions), POSTGRES_FAILURES)
    await until_it_works("retention", lambda: settle_retention(pool, settings.topics.retention_days), POSTGRES_FAILURES)
    async with dead_letter_producer(settings.kafka_servers) as producer:
        while True:
            generation = await until_it_works(
                "generation", lambda: live_generation(pool, partitions), POSTGRES_FAILURES
            )
            retention = await until_it_works("retention", lambda: load_retention(pool), POSTGRES_FAILURES)
            try:
                await _fold_generation(settings, generation, retention, partitions, pool, serving, producer, running)
            except* RetiredError as retired:
                _log.info("generation_retired", generation=generation, reasons=[str(e) for e in retired.exceptions])


async def _fold_generation(
    settings: Settings,
    generation: int,
    retention: Retention,
    partitions: int,
    pool: asyncpg.Pool,
    serving: ServingCopy,
    producer: AIOKafkaProducer,
    running: Running,
) -> None:
    """Fold until it is to be folded otherwise: then a group with RetiredError is raised."""
    office = DeadLetterOffice(producer)
    publisher = Publisher(serving, Outbox(pool, generation), Loader(pool, serving, generation), generation)
    buried = await until_it_works("users_folded", lambda: users_folded(pool, generation), POSTGRES_FAILURES)
    users = UsersLog(settings.kafka_servers, DeadLetterOffice(producer), buried, retention)

    def is_owner() -> bool:
        """Whether this process does what one has to do for all."""
        return 0 in projector.states

    async def check_states(states: dict[int, PartitionState]) -> dict[int, int]:
        passed = await until_it_works("passed", lambda: load_passed(pool, generation, states), POSTGRES_FAILURES)
        return await check_log(settings.kafka_servers, states, passed)

    projector = Projector(
        Store(pool, generation, office.bury, retention_changes=len(retention)),
        users,
        office,
        publisher,
        check_states,
        retention,
        partitions,
        settings.batch_records,
        settings.batch_interval_ms,
    )
    consumer = new_consumer(settings.kafka_servers, settings.group)
    assignment = Assignment(consumer, projector.take, projector.drop)
    consumer.subscribe([MESSAGES_TOPIC], listener=assignment)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(users.run())
            tasks.create_task(publisher.run())
            tasks.create_task(Eraser(pool, generation).run())
            tasks.create_task(LetterEraser(settings, pool, producer, is_owner).run())
            tasks.create_task(WordEraser(pool, generation, settings.word_erasure_s, is_owner).run())
            await until_it_works("join_group", consumer.start, (KafkaError,))
            tasks.create_task(_raise(assignment.failure))
            progress = running.progress = Progress(projector, users, serving, publisher)
            tasks.create_task(progress.run(consumer))
            dropper = HistoryDropper(
                pool, generation, retention, lambda: progress.folded_up_to, projector.between_batches,
                publisher.renew_epoch,
            )  # fmt: skip
            tasks.create_task(dropper.run())
            tasks.create_task(PassedLog(pool, generation, lambda: progress.passed).run())
            tasks.create_task(projector.run(consumer))
    finally:
        running.progress = None
        await consumer.stop()


async def _raise(failure: "asyncio.Future[None]") -> None:
    await failure
