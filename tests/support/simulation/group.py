"""The consumer group: who owns which partitions, as the broker sees it (Kafka's eager protocol, without its bytes)."""

import itertools
from typing import Any, Final, NamedTuple

from aiokafka.errors import IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError

from tests.support.simulation.kafka import Kafka
from tests.support.simulation.servers import Reply

# Shorter than in production, so that much happens within one history; in seconds.
SESSION_SECONDS: Final = 2.0
HEARTBEAT_SECONDS: Final = 0.6
_REBALANCE_SECONDS: Final = 1.5


class Joined(NamedTuple):
    """What a member is told when its group is complete."""

    member: str
    generation: int
    partitions: list[int]


class _Member:
    def __init__(self) -> None:
        self.heard = 0.0
        self.joining: Reply | None = None


class Group:
    """Methods run on the broker; `reply` gets an error of aiokafka's where a member is not what it thinks."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._world = kafka.world
        self._members: dict[str, _Member] = {}
        self._generation = 0
        self._is_rebalancing = False
        self._ids = itertools.count(1)
        self.committed: dict[int, int] = {}

    def join(self, member: str, reply: Reply) -> None:
        if member not in self._members:
            member = f"member-{next(self._ids)}"
            self._members[member] = _Member()
            self._watch(member)
        self._members[member].joining = reply
        self._hear(member)
        self._rebalance()
        self._complete_if_all_joined()

    def heartbeat(self, member: str, generation: int, reply: Reply) -> None:
        error = self._check(member, generation)
        if error is None and self._is_rebalancing:
            error = RebalanceInProgressError()
        if member in self._members:
            self._hear(member)
        reply(error)

    def commit(self, member: str, generation: int, offsets: dict[int, int], reply: Reply) -> None:
        error = self._check(member, generation)
        if error is None:
            self.committed.update(offsets)
        reply(error)

    def _check(self, member: str, generation: int) -> Any:
        """An error, or None."""
        if member not in self._members:
            return UnknownMemberIdError()
        return None if generation == self._generation else IllegalGenerationError()

    def _hear(self, member: str) -> None:
        self._members[member].heard = self._world.now

    def _watch(self, member: str) -> None:
        """A member that was not heard of for a session is gone; one that waits for a rebalance is waited for."""

        def look() -> None:
            held = self._members.get(member)
            if held is None:
                return
            left = held.heard + SESSION_SECONDS - self._world.now
            if held.joining is not None or left > 0:
                self._world.after(max(left, HEARTBEAT_SECONDS), look)
            else:
                self._world.note("group", f"{member} is gone")
                del self._members[member]
                if self._members:
                    self._rebalance()
                    self._complete_if_all_joined()

        self._world.after(SESSION_SECONDS, look)

    def _rebalance(self) -> None:
        if self._is_rebalancing:
            return
        self._is_rebalancing = True
        generation = self._generation

        def time_is_up() -> None:
            if self._is_rebalancing and self._generation == generation:
                self._members = {name: held for name, held in self._members.items() if held.joining}
                self._complete_if_all_joined()

        self._world.after(_REBALANCE_SECONDS, time_is_up)

    def _complete_if_all_joined(self) -> None:
        joining = [held.joining for held in self._members.values()]
        if not self._is_rebalancing or not all(joining):
            return
        self._generation += 1
        self._is_rebalancing = False
        names = list(self._members)
        self._world.random.shuffle(names)
        shares: dict[str, list[int]] = {name: [] for name in names}
        for partition in range(self._kafka.partitions):
            if names:
                shares[names[partition % len(names)]].append(partition)
        self._world.note("group", f"generation {self._generation}: {shares}")
        for name, partitions in shares.items():
            held = self._members[name]
            reply: Any = held.joining
            held.joining = None
            held.heard = self._world.now
            reply(Joined(name, self._generation, partitions))
