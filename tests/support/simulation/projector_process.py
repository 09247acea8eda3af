"""One projector: its parts wired as in `livestream_projector.app`, the servers behind them simulated."""

import asyncio
from typing import Any, Final, cast

from livestream.fold import PartitionState
from livestream.retention import Retention
from livestream.serving import ServingCopy
from livestream_projector.consumer import Assignment
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.loader import Loader
from livestream_projector.outbox import Outbox
from livestream_projector.progress import Progress
from livestream_projector.projector import Projector
from livestream_projector.publisher import Publisher
from tests.support.simulation.consumer import SimulatedConsumer, SimulatedUsersLog
from tests.support.simulation.database import Database
from tests.support.simulation.group import Group
from tests.support.simulation.kafka import Kafka, SimulatedProducer
from tests.support.simulation.pool import SimulatedPool
from tests.support.simulation.redis import RedisServer, SimulatedRedis
from tests.support.simulation.store import SimulatedStore
from tests.support.simulation.world import Process

GENERATION: Final = 1
# Small, so that most polls are full, and the same record comes in batches of different bounds.
_BATCH_RECORDS: Final = 3
_BATCH_INTERVAL_MS: Final = 25


class Servers:
    """What a projector reaches."""

    def __init__(self, kafka: Kafka, group: Group, database: Database, redis: RedisServer) -> None:
        self.kafka = kafka
        self.group = group
        self.database = database
        self.redis = redis


async def run_projector(process: Process, servers: Servers) -> None:
    """Runs until its process ends; what it raises ends the process."""
    kafka, pool = servers.kafka, cast("Any", SimulatedPool(servers.database, process))
    producer: Any = SimulatedProducer(kafka, process)
    serving = ServingCopy(cast("Any", SimulatedRedis(servers.redis, process)))
    office = DeadLetterOffice(producer)
    loader = Loader(pool, serving, GENERATION)
    publisher = Publisher(serving, Outbox(pool, GENERATION), loader, GENERATION)
    buried = max(state.users_offset for state in servers.database.read.partitions.values())
    users = SimulatedUsersLog(kafka, process, DeadLetterOffice(producer), buried)

    async def check_log(states: dict[int, PartitionState]) -> dict[int, int]:
        """The log stays the one that it is here; looking at it takes its time."""
        await kafka.ask_ends(process, [])
        return {partition: state.messages_offset for partition, state in states.items()}

    projector = Projector(
        SimulatedStore(servers.database, process, GENERATION, office.bury),
        users,
        office,
        publisher,
        check_log,
        Retention(),
        kafka.partitions,
        _BATCH_RECORDS,
        _BATCH_INTERVAL_MS,
    )
    consumer: Any = SimulatedConsumer(kafka, servers.group, process)
    assignment = Assignment(consumer, projector.take, projector.drop)
    consumer.subscribe(assignment)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(users.run())
        tasks.create_task(publisher.run())
        tasks.create_task(consumer.run())
        await consumer.wait_for_assignment()
        tasks.create_task(_raise(assignment.failure))
        tasks.create_task(Progress(projector, users, serving, publisher).run(consumer))
        tasks.create_task(projector.run(consumer))


async def _raise(failure: "asyncio.Future[None]") -> None:
    await failure
