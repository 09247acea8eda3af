"""One history: from an empty log through everything that its seed lets happen, to the checks at its end."""

from collections.abc import Callable
from typing import Final

from aiokafka import TopicPartition

from livestream.events import MESSAGES_TOPIC, USERS_TOPIC
from tests.support.simulation.audience import Audience
from tests.support.simulation.checks import (
    Witness,
    check_letters,
    check_nothing_missed,
    check_replay,
    check_served,
    check_store,
    check_viewer,
)
from tests.support.simulation.database import Database, offsets_of
from tests.support.simulation.environment import surroundings
from tests.support.simulation.faults import Faults
from tests.support.simulation.fleet import Fleet
from tests.support.simulation.group import Group
from tests.support.simulation.kafka import Kafka, WallClock
from tests.support.simulation.projector_process import Servers, run_projector
from tests.support.simulation.recorder import Recorder
from tests.support.simulation.redis import RedisServer, ServingData
from tests.support.simulation.serving_model import Constants, ServingModel
from tests.support.simulation.upstream import Upstream
from tests.support.simulation.world import World

# Everything has settled in much less, once nothing breaks any more; in seconds of the world's time.
_SETTLES_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.5
# Positions of which the whole of what was served is looked at, and of which what a viewer showed, besides the last.
_MOMENTS_CHECKED: Final = 6
_LOOKS_CHECKED: Final = 5


class UnsettledError(AssertionError):
    """Long after the last fault the read model still does not reflect the log."""


class History:
    """All that takes part in one seed's history."""

    def __init__(self, seed: int, data: Callable[[WallClock, Constants], ServingData] | None = None) -> None:
        self.world = World(seed)
        random = self.world.random
        self.constants = Constants()
        self.clock = WallClock(self.world)
        self.kafka = Kafka(self.world, self.clock, partitions=random.randint(1, 4))
        self.database = Database(self.world, self.kafka.partitions)
        serving = data(self.clock, self.constants) if data else ServingModel(self.clock.now_ms, self.constants)
        self.redis = RedisServer(self.world, serving)
        self.servers = Servers(self.kafka, Group(self.kafka), self.database, self.redis)
        self.projectors = Fleet(self.world, "projector", lambda process: run_projector(process, self.servers))
        self.faults = Faults(self.world, self.servers, self.projectors, self.clock)
        self.audience = Audience(self.world, self.servers)
        self.recorder = Recorder(self.redis)
        self.upstream = Upstream(self.kafka, self.clock, random)

    def run(self) -> None:
        """Raises AssertionError where an invariant does not hold."""
        with surroundings(self.world, self.clock, self.constants):
            try:
                self._live()
                self._settle()
                self._check()
            finally:
                self.world.close()

    def _live(self) -> None:
        random = self.world.random
        until = random.uniform(1.0, 8.0)
        for _ in range(random.randint(5, 60)):
            self.world.at(random.uniform(0, until), self.upstream.send)
        self.faults.begin(until)
        self.audience.begin(until)
        self.world.run(until)

    def _settle(self) -> None:
        self.faults.end()
        self.audience.end()
        self.world.note("world", "no more faults")
        limit = self.world.now + _SETTLES_SECONDS
        while not self._is_settled():
            self._raise_failures()
            if self.world.now > limit:
                raise UnsettledError(self._describe())
            self.world.run(self.world.now + _LOOK_SECONDS)
        self._raise_failures()

    def _check(self) -> None:
        assert not self.database.violations, "each record is folded once: " + ", ".join(self.database.violations)
        witness = Witness(self.kafka)
        check_store(self.database.read, witness.at(self._stored()))
        check_replay(self.database.read, self.kafka)
        check_letters(self.kafka, witness)
        moments = list(self.recorder.moments.values())
        some = self.world.random.sample(moments, min(_MOMENTS_CHECKED, len(moments)))
        for moment in [*some, *([self.recorder.newest] if self.recorder.newest else [])]:
            check_served(moment, witness)
        for viewer in self.audience.viewers:
            looks = self.world.random.sample(viewer.seen, min(_LOOKS_CHECKED, len(viewer.seen)))
            check_viewer(viewer, [*looks, viewer.seen[-1]], self.recorder.moments, witness)
            check_nothing_missed(viewer, self.recorder.moments)

    def _is_settled(self) -> bool:
        is_published = self._log_ends() == self._stored() == self._served() and not self.database.outbox
        is_recounting = any(state.recounting for state in self.database.read.partitions.values())
        newest = self.recorder.newest.cursor if self.recorder.newest else None
        return is_published and not is_recounting and all(viewer.cursor == newest for viewer in self.audience.viewers)

    def _log_ends(self) -> dict[int, tuple[int, int]]:
        users = self.kafka.folded_end(TopicPartition(USERS_TOPIC, 0))
        return {
            partition: (self.kafka.folded_end(TopicPartition(MESSAGES_TOPIC, partition)), users)
            for partition in range(self.kafka.partitions)
        }

    def _stored(self) -> dict[int, tuple[int, int]]:
        return {partition: offsets_of(state) for partition, state in self.database.read.partitions.items()}

    def _served(self) -> dict[int, tuple[int, int]] | None:
        """What Redis shows now, if it shows anything."""
        newest, held = self.recorder.newest, self.redis.data.fcall("status", ())[1]
        if newest is None or newest.cursor.epoch.encode() != held:
            return None
        return newest.windows().stand.positions

    def _describe(self) -> str:
        stands = f"log {self._log_ends()}, Postgres {self._stored()}, Redis {self._served()}"
        newest = self.recorder.newest.cursor if self.recorder.newest else None
        seen = ", ".join(f"{viewer.name} {viewer.cursor}" for viewer in self.audience.viewers)
        return f"{stands}, outbox {sorted(self.database.outbox)}, newest {newest}, {seen}"

    def _raise_failures(self) -> None:
        for failure in (*self.projectors.failures, *self.audience.fleet.failures):
            raise AssertionError(f"a process ended by itself: {failure!r}") from failure


def simulate(seed: int, *, trace: bool = False) -> None:
    """Run one history. Raises AssertionError with the seed, and what happened at its end."""
    history = History(seed)
    if trace:
        history.world.trace = []
    try:
        history.run()
    except AssertionError as error:
        if not trace:
            simulate(seed, trace=True)
            raise AssertionError(f"seed {seed} fails only without a trace, so it is not deterministic") from error
        lines = [f"{at:9.4f} {who:12} {what}" for at, who, what in history.world.trace or []]
        raise AssertionError("\n".join([f"seed {seed}: {error}", *lines[-100_000:]])) from error
