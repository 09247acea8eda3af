"""The product with one thing wrong each: what a simulation that is worth its time must notice."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from livestream.fold import Changes
from livestream.frames import Change
from livestream.frames.window import MessageRows, NameRows
from livestream_gateway import attendance
from livestream_gateway.catch_up import CatchUp
from livestream_gateway.follower import Follower
from livestream_gateway.resume import START, Plan
from livestream_projector.dead_letters import DeadLetterOffice
from livestream_projector.projector import Projector
from livestream_projector.publisher import Publisher
from tests.support.simulation.database import Transaction
from tests.support.simulation.serving_model import Epoch, ServingModel
from tests.support.simulation.store import SimulatedStore

Mutant = Callable[[pytest.MonkeyPatch], None]


def _always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


async def _nothing(*_: Any) -> None:
    return


def commit_without_the_condition_on_offsets(patch: pytest.MonkeyPatch) -> None:
    async def load(self: Any, wanted: Any, _expected: Any, session: Any) -> Any:
        return await self._load_partitions(session, sorted(wanted))

    patch.setattr(Transaction, "_check", lambda self, reply: reply(self._database.next_outbox_id()))
    patch.setattr(SimulatedStore, "_stands_as", load)


def commit_on_the_strength_of_an_earlier_look(patch: pytest.MonkeyPatch) -> None:
    def check(self: Any, reply: Any) -> None:
        self._outbox_id = self._database.next_outbox_id()
        reply(None)

    patch.setattr(Transaction, "_check", check)


def take_a_commit_into_positions_set_anew(patch: pytest.MonkeyPatch) -> None:
    def committed(self: Any, done: Any, _positioned: int) -> None:
        self.states.update((p, state) for p, state in done.partitions.items() if p in self.states)
        self._publisher.enqueue(*done.outbox)

    patch.setattr(Projector, "_committed", committed)


def start_anew_without_seeking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Projector, "_seek", _always(None))


def fold_what_was_polled_before_positions_were_set_anew(patch: pytest.MonkeyPatch) -> None:
    fold_runs: Any = Projector._fold_runs

    async def careless(self: Any, consumer: Any, runs: Any, _positioned: int) -> None:
        for run in runs:
            await fold_runs(self, consumer, [run], self._positioned)

    patch.setattr(Projector, "_fold_runs", careless)


def go_on_from_rows_that_are_to_be_recounted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Changes, "is_final", property(_always(True)))


def bury_no_dead_letters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeadLetterOffice, "bury", _nothing)


def publish_without_looking_at_continuity(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServingModel, "_continuity", _always(b"apply"))


def never_sweep_the_outbox(patch: pytest.MonkeyPatch) -> None:
    async def drain(_: Any) -> bool:
        return False

    patch.setattr(Publisher, "_drain", drain)


def switch_to_an_epoch_that_was_lost_in_part(patch: pytest.MonkeyPatch) -> None:
    switch: Any = ServingModel._switch

    def careless(self: Any, name: str, *arguments: Any) -> Any:
        if name in self._epochs:
            self._epochs[name].staged = arguments[-1]
        return switch(self, name, *arguments)

    patch.setattr(ServingModel, "_switch", careless)


def serve_an_epoch_of_another_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ServingModel, "_is_loaded", lambda self: bool(self._epoch))


def show_users_whose_deletion_was_published(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Epoch, "end_users", _always(None))


def never_refill_a_window(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MessageRows, "needs_refill", property(_always(False)))
    patch.setattr(NameRows, "needs_refill", property(_always(False)))


def tell_only_what_deltas_carry(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Change, "completed", lambda self, *_: self)


def catch_up_with_one_delta_too_few(patch: pytest.MonkeyPatch) -> None:
    add = CatchUp._add

    def careless(self: Any, delta: Any) -> None:
        if not self._change.empty:
            self.sequence = delta.sequence
        else:
            add(self, delta)

    patch.setattr(CatchUp, "_add", careless)


def take_any_cursor_for_a_current_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(attendance, "decide", lambda claim, _: Plan.CURRENT if claim else START)


def follow_over_a_gap(patch: pytest.MonkeyPatch) -> None:
    async def follow_once(self: Any) -> None:
        await self._begun.wait()
        following = self.following
        if following:
            for delta in await following.log.follow(following.recent.end, 250):
                following.recent.append(delta)
            self._poke()

    patch.setattr(Follower, "_follow_once", follow_once)


MUTANTS: Final[tuple[Mutant, ...]] = (
    commit_without_the_condition_on_offsets,
    commit_on_the_strength_of_an_earlier_look,
    take_a_commit_into_positions_set_anew,
    start_anew_without_seeking,
    fold_what_was_polled_before_positions_were_set_anew,
    go_on_from_rows_that_are_to_be_recounted,
    bury_no_dead_letters,
    publish_without_looking_at_continuity,
    never_sweep_the_outbox,
    switch_to_an_epoch_that_was_lost_in_part,
    serve_an_epoch_of_another_run,
    show_users_whose_deletion_was_published,
    never_refill_a_window,
    tell_only_what_deltas_carry,
    catch_up_with_one_delta_too_few,
    take_any_cursor_for_a_current_one,
    follow_over_a_gap,
)
