"""Where each letter of a batch goes, or why it stays."""

from collections.abc import Sequence
from typing import NamedTuple

from livestream.events import Event, MessagePosted, Rejected
from livestream.letters import Letter
from livestream.times import now_ms
from livestream_local.dead_letters.deletions import ReadModelDeletions
from livestream_local.dead_letters.judging import (
    Deletions,
    Place,
    check_foldable,
    check_not_deleted,
    check_partition,
    place_of,
    read_event,
)
from livestream_local.dead_letters.originals import Originals


class Planned(NamedTuple):
    """A letter, whole, and where it goes."""

    letter: Letter
    place: Place


class Left(NamedTuple):
    """A letter that stays where it is, and why."""

    letter: Letter
    why: Rejected


class Planner:
    """`force` plans also what would become a dead letter again; never what was deleted, or cut for good."""

    def __init__(self, originals: Originals, deletions: ReadModelDeletions, partitions: int, *, force: bool) -> None:
        self._originals = originals
        self._deletions = deletions
        self._partitions = partitions
        self._force = force

    async def plan(self, batch: Sequence[Letter]) -> list[Planned | Left]:
        """One for each letter, in order. Raises LauncherError where Kafka or Postgres cannot be read."""
        wholes = [await self._originals.whole(letter) for letter in batch]
        events = {whole.at: read_event(whole) for whole in wholes if isinstance(whole, Letter)}
        deletions = await self._deletions.of([event for event in events.values() if isinstance(event, MessagePosted)])
        now = now_ms()
        return [
            Left(letter, whole) if isinstance(whole, Rejected) else self._place(whole, events[whole.at], deletions, now)
            for letter, whole in zip(batch, wholes, strict=True)
        ]

    def _place(self, letter: Letter, event: Event | Rejected, deletions: Deletions, now: int) -> Planned | Left:
        place = place_of(letter, event, self._partitions)
        refused = check_not_deleted(letter, event, deletions) or check_partition(place, self._partitions)
        if not self._force:
            refused = check_foldable(letter, event, now) or refused
        return Left(letter, refused) if refused else Planned(letter, place)
